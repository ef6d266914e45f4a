/** What the terminal says at the start. The three lines work as they stand. */
export function banner(url: string, store: { durability: string }, file: string): string {
  const alice = "-H 'Authorization: Bearer demo-alice'"
  const body = `'{"startDate":"2014-01-01","endDate":"2014-12-31","webhookUrl":"${url}/demo/receiver"}'`
  return `
  受付  Uketsuke demo

  Open        ${url}
  Store       ${store.durability}
              ${file}

  Or by hand:

  curl -i ${url}/api/reports/generate ${alice} -H 'Content-Type: application/json' -d ${body}
  curl -s '${url}/api/jobs?limit=1' ${alice}
  curl -N "${url}$(curl -s '${url}/api/jobs?limit=1' ${alice} | grep -o '/api/jobs/[^"]*/stream')" ${alice}

  Ctrl-C stops it.
`
}
