#!/usr/bin/env bash
# Installs what sluice is measured against: Go and wrk from Debian's packages, the rest from npm.
set -u
cd "$(dirname "$0")"
missing=()
for package in golang-go golang-golang-x-sync-dev golang-github-gin-gonic-gin-dev golang-github-valyala-fasthttp-dev wrk; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "bench:peers: ${missing[*]} cannot be installed here: needs Debian and root. These peers are left out." >&2
  else
    (apt-get update -qq && apt-get install -y -qq "${missing[@]}" >/dev/null) ||
      (sleep 5 && apt-get update -qq && apt-get install -y -qq "${missing[@]}" >/dev/null) ||
      echo "bench:peers: ${missing[*]} could not be installed. These peers are left out." >&2
  fi
fi
npm install --no-fund --no-audit --ignore-scripts || (sleep 5 && npm install --no-fund --no-audit --ignore-scripts)
