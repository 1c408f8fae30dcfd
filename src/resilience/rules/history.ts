import type { RulesData } from './document.js'

/** A guard of a resource that a version has, has not any more, or has with other options. */
export interface RuleChange {
  readonly resource: string
  readonly guard: string
  readonly what: 'added' | 'removed' | 'changed'
}

/** What is kept of a version. */
export interface RulesVersion {
  /** From 1. */
  readonly version: number
  /** In ms since the Unix epoch. */
  readonly atMs: number
  /** Who changed the rules: a name that was given, or the source. */
  readonly by: string
  /** What it changed, the first 100. */
  readonly changes: readonly RuleChange[]
  /** How many changes there were beyond those. */
  readonly moreChanges: number
}

interface Kept {
  readonly about: RulesVersion
  readonly document: RulesData
}

const mostVersions = 50
const mostChanges = 100

/** The last 50 versions, with their documents: what they have in common is there once. */
export class History {
  private readonly kept: Kept[] = []

  get version(): number {
    return this.kept.at(-1)?.about.version ?? 0
  }

  /** The newest one last. */
  get versions(): RulesVersion[] {
    return this.kept.map(({ about }) => about)
  }

  documentOf(version: number): RulesData | undefined {
    return this.kept.find(({ about }) => about.version === version)?.document
  }

  add(document: RulesData, changes: readonly RuleChange[], by: string, atMs: number): RulesVersion {
    const about = {
      version: this.version + 1,
      atMs,
      by,
      changes: changes.slice(0, mostChanges),
      moreChanges: Math.max(0, changes.length - mostChanges),
    }
    this.kept.push({ about, document })
    if (this.kept.length > mostVersions) this.kept.shift()
    return about
  }
}

/** What is different between two documents, of which the later was read with the earlier before it. */
export function changesBetween(before: RulesData, after: RulesData): RuleChange[] {
  const changes: RuleChange[] = []
  for (const resource of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const old = before[resource] ?? {}
    const now = after[resource] ?? {}
    if (old === now) continue
    for (const guard of new Set([...Object.keys(old), ...Object.keys(now)])) {
      if (old[guard] === now[guard]) continue
      const what = old[guard] === undefined ? 'added' : now[guard] === undefined ? 'removed' : 'changed'
      changes.push({ resource, guard, what })
    }
  }
  return changes
}
