import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { posix } from 'node:path'

/**
 * How many processors the system lets this process use: the CPUs that it may run on, and of these no more than the
 * quota of its cgroup pays for. A container with a quota of two CPUs on a machine of 64 would otherwise start 64
 * threads and be stopped for most of each period. Source: Go 1.25's `internal/runtime/cgroup`.
 */

/** The content of a file; `undefined` when there is none, or it may not be read. */
export type ReadFile = (path: string) => string | undefined

/** The CPUs that this process may use, at least 1. A quota of a part of a CPU counts as a whole one. */
export function availableProcs(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(cpuQuota(readSystemFile))))
}

/** The CPUs' worth of time that the cgroups of this process allow, as 1.5; `Infinity` where nothing limits it. */
export function cpuQuota(readFile: ReadFile): number {
  const mounts = cpuMounts(readFile('/proc/self/mountinfo') ?? '')
  const quotas = memberships(readFile('/proc/self/cgroup') ?? '').flatMap(({ version, path }) =>
    mounts
      .filter((mount) => mount.version === version)
      .flatMap((mount) => folders(mount, path))
      .map(version === 2 ? (folder) => quotaV2(readFile, folder) : (folder) => quotaV1(readFile, folder)),
  )
  return Math.min(Infinity, ...quotas)
}

interface Membership {
  readonly version: 1 | 2
  /** The group that the process is in, as seen from the root of its cgroup namespace. */
  readonly path: string
}

interface Mount {
  readonly version: 1 | 2
  /** Where the groups are seen as folders. */
  readonly at: string
  /** The group that is seen there: not the root where a container is shown a part of its host's tree. */
  readonly root: string
}

/** Lines as `0::/app` (v2) and `4:cpu,cpuacct:/docker/ab12` (v1; only that of the cpu controller counts). */
function memberships(text: string): Membership[] {
  return text.split('\n').flatMap((line): Membership[] => {
    const [, id, controllers = '', path = ''] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
    if (id === '0' && controllers === '') return [{ version: 2, path }]
    return controllers.split(',').includes('cpu') ? [{ version: 1, path }] : []
  })
}

/** Where the mounts of cgroups are when /proc/self/mountinfo does not tell. */
const usualMounts: readonly Mount[] = [
  { version: 2, at: '/sys/fs/cgroup', root: '/' },
  { version: 2, at: '/sys/fs/cgroup/unified', root: '/' },
  { version: 1, at: '/sys/fs/cgroup/cpu', root: '/' },
  { version: 1, at: '/sys/fs/cgroup/cpu,cpuacct', root: '/' },
]

/** Lines as `31 23 0:28 /root /at rw,relatime shared:1 - cgroup cgroup rw,cpu`. Source: proc(5). */
function cpuMounts(mountinfo: string): readonly Mount[] {
  const mounts = mountinfo.split('\n').flatMap((line): Mount[] => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root = '/', at = ''] = before.split(' ').map(unescaped)
    const [type, , options = ''] = after.split(' ')
    if (type === 'cgroup2') return [{ version: 2, at, root }]
    return type === 'cgroup' && options.split(',').includes('cpu') ? [{ version: 1, at, root }] : []
  })
  return mounts.length === 0 ? usualMounts : mounts
}

/** Blanks and the like are written as `\040` there. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** The folders of a group and of all those above it, since each may have a quota: the tightest holds. */
function folders(mount: Mount, path: string): string[] {
  const found: string[] = []
  for (let folder = below(mount.root, path); ; folder = posix.dirname(folder)) {
    found.push(posix.join(mount.at, folder))
    if (folder === '/') return found
  }
}

/**
 * The path of a group below the group that is mounted. A group that is not below it lies where this process cannot look
 * (`/..` leads out of its namespace), or it is the mounted group itself, as in a container: then the mount is taken.
 */
function below(root: string, path: string): string {
  if (path.startsWith('/..')) return '/'
  if (root === '/') return posix.normalize(path)
  return path.startsWith(`${root}/`) ? posix.normalize(path.slice(root.length)) : '/'
}

/** `max 100000` or `150000 100000`: microseconds of CPU in each period. */
function quotaV2(readFile: ReadFile, folder: string): number {
  const [quota = '', period = ''] = (readFile(posix.join(folder, 'cpu.max')) ?? '').trim().split(/\s+/)
  return ratio(quota, period)
}

/** A quota of -1 is none. */
function quotaV1(readFile: ReadFile, folder: string): number {
  const quota = readFile(posix.join(folder, 'cpu.cfs_quota_us')) ?? ''
  const period = readFile(posix.join(folder, 'cpu.cfs_period_us')) ?? ''
  return ratio(quota.trim(), period.trim())
}

/** What cannot be understood limits nothing. */
function ratio(quota: string, period: string): number {
  if (!/^\d+$/.test(quota) || !/^\d+$/.test(period)) return Infinity
  const procs = Number(quota) / Number(period)
  return procs > 0 ? procs : Infinity
}

function readSystemFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
