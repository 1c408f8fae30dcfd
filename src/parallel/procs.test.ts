import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { availableProcs, cpuQuota } from './procs.js'

/** The quota that is read from a tree of files. */
function quotaOf(files: Record<string, string>): number {
  return cpuQuota((path) => files[path])
}

const v2Mount = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n'
const v1Mount = '33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n'
const otherMounts =
  '22 28 0:20 / /sys rw shared:7 - sysfs sysfs rw\n35 25 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n'

describe('availableProcs', () => {
  it('is a whole number from 1 to the CPUs that the process may run on', () => {
    const procs = availableProcs()
    expect(Number.isInteger(procs)).toBe(true)
    expect(procs).toBeGreaterThanOrEqual(1)
    expect(procs).toBeLessThanOrEqual(availableParallelism())
  })
})

describe('cpuQuota of cgroup v2', () => {
  const app = { '/proc/self/mountinfo': otherMounts + v2Mount, '/proc/self/cgroup': '0::/kube/pod1/app\n' }

  it('is the quota divided by the period', () => {
    expect(quotaOf({ ...app, '/sys/fs/cgroup/kube/pod1/app/cpu.max': '150000 100000\n' })).toBe(1.5)
  })

  it('is none where the quota is max, and where there is no such file', () => {
    expect(quotaOf({ ...app, '/sys/fs/cgroup/kube/pod1/app/cpu.max': 'max 100000\n' })).toBe(Infinity)
    expect(quotaOf(app)).toBe(Infinity)
  })

  it('is the tightest of those above it', () => {
    const files = {
      ...app,
      '/sys/fs/cgroup/kube/pod1/app/cpu.max': '800000 100000\n',
      '/sys/fs/cgroup/kube/pod1/cpu.max': '200000 100000\n',
      '/sys/fs/cgroup/kube/cpu.max': 'max 100000\n',
    }
    expect(quotaOf(files)).toBe(2)
  })

  it('is found at the root of a container that sees its own group as the root', () => {
    const files = { ...app, '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '50000 100000\n' }
    expect(quotaOf(files)).toBe(0.5)
  })

  it('is that of the mount where the group lies outside of what the process may see', () => {
    const files = {
      ...app,
      '/proc/self/cgroup': '0::/../../other\n',
      '/sys/fs/cgroup/cpu.max': '300000 100000\n',
    }
    expect(quotaOf(files)).toBe(3)
  })

  it('is found where mountinfo cannot be read', () => {
    const files = { '/proc/self/cgroup': '0::/app\n', '/sys/fs/cgroup/app/cpu.max': '400000 100000\n' }
    expect(quotaOf(files)).toBe(4)
  })

  it.each(['', 'max', '100000', '-1 100000', '100000 0', '0 100000', 'x y', '1e5 100000'])(
    'is none where the file says %j',
    (text) => {
      expect(quotaOf({ ...app, '/sys/fs/cgroup/kube/pod1/app/cpu.max': text })).toBe(Infinity)
    },
  )
})

describe('cpuQuota of cgroup v1', () => {
  const folder = '/sys/fs/cgroup/cpu,cpuacct'
  const app = {
    '/proc/self/mountinfo': otherMounts + v1Mount,
    '/proc/self/cgroup': '9:memory:/elsewhere\n4:cpu,cpuacct:/docker/ab12\n1:name=systemd:/docker/ab12\n',
  }

  it('is the quota divided by the period', () => {
    const files = {
      ...app,
      [`${folder}/docker/ab12/cpu.cfs_quota_us`]: '250000\n',
      [`${folder}/docker/ab12/cpu.cfs_period_us`]: '100000\n',
    }
    expect(quotaOf(files)).toBe(2.5)
  })

  it('is none where the quota is -1, and that of the group above where there is one', () => {
    const free = {
      ...app,
      [`${folder}/docker/ab12/cpu.cfs_quota_us`]: '-1\n',
      [`${folder}/docker/ab12/cpu.cfs_period_us`]: '100000\n',
    }
    expect(quotaOf(free)).toBe(Infinity)
    const above = {
      [`${folder}/docker/cpu.cfs_quota_us`]: '60000\n',
      [`${folder}/docker/cpu.cfs_period_us`]: '20000\n',
    }
    expect(quotaOf({ ...free, ...above })).toBe(3)
  })

  it('is found where a container sees its own group as the mount, and its path is told from outside', () => {
    const files = {
      ...app,
      '/proc/self/mountinfo':
        '33 25 0:29 /docker/ab12 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n',
      [`${folder}/cpu.cfs_quota_us`]: '100000\n',
      [`${folder}/cpu.cfs_period_us`]: '100000\n',
    }
    expect(quotaOf(files)).toBe(1)
  })

  it('is found below the group that is mounted', () => {
    const files = {
      '/proc/self/mountinfo': '33 25 0:29 /docker /my\\040groups rw - cgroup cgroup rw,cpu\n',
      '/proc/self/cgroup': '4:cpu:/docker/ab12\n',
      '/my groups/ab12/cpu.cfs_quota_us': '700000\n',
      '/my groups/ab12/cpu.cfs_period_us': '100000\n',
    }
    expect(quotaOf(files)).toBe(7)
  })

  it('is none where one of the two files is missing', () => {
    expect(quotaOf({ ...app, [`${folder}/docker/ab12/cpu.cfs_quota_us`]: '100000\n' })).toBe(Infinity)
  })

  it('does not take the cpuacct or cpuset controller for that of cpu', () => {
    const files = {
      '/proc/self/mountinfo': '34 25 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n',
      '/proc/self/cgroup': '3:cpuset:/app\n2:cpuacct:/app\n',
      '/sys/fs/cgroup/cpuset/app/cpu.cfs_quota_us': '100000\n',
      '/sys/fs/cgroup/cpuset/app/cpu.cfs_period_us': '100000\n',
    }
    expect(quotaOf(files)).toBe(Infinity)
  })
})

describe('cpuQuota of a hybrid system', () => {
  const hybrid = {
    '/proc/self/mountinfo':
      '32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n',
    '/proc/self/cgroup': '2:cpuacct:/\n1:cpu:/app\n0::/app\n',
  }

  it('is that of v1 where the cpu controller is there', () => {
    const files = {
      ...hybrid,
      '/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us': '200000\n',
      '/sys/fs/cgroup/cpu/app/cpu.cfs_period_us': '100000\n',
    }
    expect(quotaOf(files)).toBe(2)
  })

  it('is that of v2 where the cpu controller is there', () => {
    expect(quotaOf({ ...hybrid, '/sys/fs/cgroup/unified/app/cpu.max': '100000 50000\n' })).toBe(2)
  })
})

describe('cpuQuota of a system without cgroups', () => {
  it('is none', () => {
    expect(quotaOf({})).toBe(Infinity)
  })

  it.each(['', '\n', 'nonsense', '::', '0:', '0::relative', 'x:cpu:/app'])(
    'is none where /proc/self/cgroup says %j',
    (text) => {
      expect(quotaOf({ '/proc/self/mountinfo': `${v2Mount}short\n`, '/proc/self/cgroup': text })).toBe(
        Infinity,
      )
    },
  )
})
