/**
 * fill.mjs <file> <until> <receiver> [count]: fills a SQLite file with one job of each kind and runs them as far as each can get.
 * Then it sends their ids and keeps the file open, with one job running, until it is killed.
 */
import { allOwners, createJobs, sqlite } from 'uketsuke'
import module from './jobs.mjs'

const [file, until, receiver, many = '0'] = process.argv.slice(2)
const jobs = createJobs({ ...module, store: sqlite(file) })
const headers = { authorization: 'Bearer ann', 'content-type': 'application/json', 'idempotency-key': 'order-7' }
const odd = 'NUL \u0000, U+0001 \u0001\u00010, U+2028 \u2028, lone \ud800, 漢字, 🚀, "quotes\' \\'
const ids = {}
const enqueue = async (name, type, input, options) => {
  ids[name] = (await jobs.enqueue(type, input, { owner: 'ann', ...options })).jobId
}

await jobs.ready()
const body = JSON.stringify({ type: 'held', input: { until } })
const accepted = await jobs.fetch(new Request('http://here/api/jobs', { method: 'POST', headers, body }))
ids.held = (await accepted.json()).jobId
await enqueue('done', 'echo', { odd }, { webhookUrl: `http://${receiver}/`, metadata: { odd } })
await enqueue('stumbled', 'stumble', { odd })
const worker = await jobs.work({ concurrency: 3 })
const settled = async () =>
  (await jobs.get(ids.stumbled, { owner: allOwners })).status === 'completed' &&
  (await jobs.deliveries(ids.done, { owner: allOwners }))[0]?.attempts.length === 1 &&
  (await jobs.get(ids.held, { owner: allOwners })).status === 'running'
while (!(await settled())) await new Promise((resolve) => setTimeout(resolve, 20))

await enqueue('later', 'echo', { odd }, { delay: 3_600_000 })
await enqueue('big', 'echo', { odd, padding: 'x'.repeat(1_000_000) }, { delay: 1_500 })
// In batches: a busy machine would refuse some of many single ones.
for (let left = Number(many); left > 0; left -= 1_000) {
  const inputs = Array.from({ length: Math.min(left, 1_000) }, (_, i) => ({ i, padding: 'y'.repeat(1_000) }))
  await jobs.enqueueMany('echo', inputs, { owner: 'bob', delay: 3_600_000 })
}
process.on(
  'message',
  () =>
    void worker
      .stop({ drain: 0 })
      .then(() => jobs.close())
      .then(() => process.exit(0)),
)
process.send(ids)
