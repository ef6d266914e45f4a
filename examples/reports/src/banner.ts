import type { DemoJobs } from './jobs.ts'
import { type Settings, storeFile } from './settings.ts'

/** The startup message. The three commands work as printed. */
export function banner(url: string, jobs: DemoJobs, settings: Settings): string {
  const { durability } = jobs.store.description
  const file = process.env.DATABASE_URL ? '' : `\n              ${storeFile(settings)}`
  const alice = "-H 'Authorization: Bearer demo-alice'"
  const body = `'{"startDate":"2014-01-01","endDate":"2014-12-31","webhookUrl":"${url}/demo/receiver"}'`
  return `
  受付  Uketsuke demo

  Open        ${url}
  Dashboard   ${url}/dashboard/
  MCP         ${url}/mcp
  Store       ${durability}${file}
  Dispatch    ${jobs.dispatch.description}

  With curl:

  curl -i ${url}/api/reports/generate ${alice} -H 'Content-Type: application/json' -d ${body}
  curl -s '${url}/api/jobs?limit=1' ${alice}
  curl -N "${url}$(curl -s '${url}/api/jobs?limit=1' ${alice} | grep -o '/api/jobs/[^"]*/stream')" ${alice}

  Press Ctrl-C to stop.
`
}
