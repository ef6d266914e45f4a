import { readable } from '../domain/view.ts'
import type { DashboardParts } from './parts.ts'
import type { SuggestionsView } from './wire.ts'

/** What a search could look for, from the newest jobs. */
export async function suggestions({ service, store, hidden }: DashboardParts): Promise<SuggestionsView> {
  const { jobs } = await store.search({ queue: 'jobs', limit: 100, examine: 100, inputs: true })
  const paths = new Set<string>()
  for (const { input, metadata } of jobs) {
    for (const path of pathsOf('input', readable(input))) if (!hidden.covers(path.split('.'))) paths.add(path)
    for (const path of pathsOf('metadata', readable(metadata ?? ''))) {
      if (!hidden.covers(path.split('.'))) paths.add(path)
    }
  }
  return {
    types: [...new Set([...service.types.keys(), ...jobs.map(({ type }) => type)])].sort(),
    owners: [...new Set(jobs.map(({ owner }) => owner))].sort().slice(0, 100),
    paths: [...paths].sort().slice(0, 100),
  }
}

/** The paths of scalar members, to a depth of three. */
function pathsOf(prefix: string, value: unknown, depth = 0): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth === 3) return []
  return Object.entries(value).flatMap(([name, member]) => {
    if (name.includes('.') || name === '') return []
    const path = `${prefix}.${name}`
    return typeof member === 'object' && member !== null ? pathsOf(path, member, depth + 1) : [path]
  })
}
