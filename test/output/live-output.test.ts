import { describe, expect, test } from 'vitest'
import {
  createJobs,
  type Jobs,
  type JobsOptions,
  type Log,
  silentLog,
  sqlite,
} from '../../packages/uketsuke/src/index.ts'
import { atEnd, ended, every, gate, type Handler, open, one as plain, tempFile, visible } from '../jobs/setup.ts'
import { until } from '../until.ts'

type Mode = 'text' | 'json' | 'binary'
const one = (run: Handler, stream?: Mode, more = {}) => plain(run, { stream, ...more })
const system = (run: Handler, stream?: Mode, options: Partial<JobsOptions<ReturnType<typeof one>>> = {}, more = {}) => {
  const { store, opened } = visible(options.store ?? sqlite(tempFile()))
  const { jobs, clock } = open(one(run, stream, more), {
    authenticate: ({ headers }) => ({ owner: headers.get('authorization') ?? 'ann' }),
    ...options,
    store,
  })
  const get = (path: string, headers: Record<string, string> = {}) =>
    jobs.fetch(new Request(`http://x/api/jobs/${path}`, { headers }))
  return { jobs, clock, get, opened }
}
const start = async (jobs: Jobs) => {
  await jobs.work()
  return (await jobs.enqueue('one', {}, { owner: 'ann' })).jobId
}
/** The data of server-sent events, as it comes. */
async function* eventsOf(response: Response) {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const [block, rest] = [text.slice(0, end), text.slice(end + 2)]
      text = rest
      const type = /^event: (.*)$/m.exec(block)?.[1] ?? 'comment'
      const data = [...block.matchAll(/^data:(.*)$/gm)].map(([, line]) => line).join('\n')
      yield { type, data }
    }
  }
}

describe('what a handler writes', () => {
  test('is read while it runs, and after its end', async () => {
    const { open: more, passed } = gate()
    const { jobs, get } = system(async ({ output }) => {
      await output.write('Hello, ')
      await passed
      void output.write('wor')
      void output.write('ld – ')
      void output.write('漢字 🚀\0.')
      return 'done'
    }, 'text')
    const jobId = await start(jobs)
    const first = await until(async () => {
      const response = await get(`${jobId}/output`)
      return response.headers.get('stream-next-offset')?.endsWith('7') ? response : null
    })
    expect([first.status, await first.text(), first.headers.get('stream-closed')]).toEqual([200, 'Hello, ', null])
    expect(first.headers.get('content-location')).toBe(`/api/jobs/${jobId}/output/1`)
    more()
    expect(await ended(jobs, jobId)).toMatchObject({ status: 'completed', output: 'done' })
    const rest = await get(`${jobId}/output?offset=${first.headers.get('stream-next-offset')}`)
    expect([await rest.text(), rest.headers.get('stream-closed')]).toEqual(['world – 漢字 🚀\0.', 'true'])
    const whole = await get(`${jobId}/output/1`)
    expect([await whole.text(), whole.headers.get('content-type')]).toEqual([
      'Hello, world – 漢字 🚀\0.',
      'text/plain; charset=utf-8',
    ])
  })

  test('as JSON is an array of messages', async () => {
    const { jobs, get } = system(async ({ output }) => {
      for (const message of [{ a: 1 }, [2], 'three', null, { at: new Date(0) }]) void output.write(message)
    }, 'json')
    const jobId = await start(jobs)
    await ended(jobs, jobId)
    const response = await get(`${jobId}/output`)
    expect(await response.json()).toEqual([{ a: 1 }, [2], 'three', null, { at: '1970-01-01T00:00:00.000Z' }])
    const end = response.headers.get('stream-next-offset')
    expect(await (await get(`${jobId}/output?offset=${end}`)).json()).toEqual([])
  })

  test('as bytes is exact', async () => {
    const bytes = Uint8Array.from({ length: 1_000 }, (_, i) => i % 256)
    const { jobs, get } = system(async ({ output }) => {
      for (let i = 0; i < 1_000; i += 100) await output.write(bytes.subarray(i, i + 100))
    }, 'binary')
    const jobId = await start(jobs)
    await ended(jobs, jobId)
    expect(new Uint8Array(await (await get(`${jobId}/output`)).arrayBuffer())).toEqual(bytes)
  })

  test('comes with one commit in 50 milliseconds', async () => {
    const { open: go, passed } = gate()
    const { jobs, clock, get, opened } = system(async ({ output }) => {
      for (let i = 0; i < 100; i++) {
        void output.write('x')
        await new Promise((resolve) => setImmediate(resolve))
      }
      await passed
    }, 'text')
    await jobs.ready()
    let commits = 0
    const { addFragments } = opened()
    opened().addFragments = (rows) => {
      commits++
      return addFragments(rows)
    }
    const jobId = await start(jobs)
    const length = async () => (await (await get(`${jobId}/output`)).text()).length
    await until(async () => (await length()) >= 1)
    // Time stands still.
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(commits).toBe(1)
    await clock.advance(50)
    await until(async () => (await length()) === 100)
    expect(commits).toBe(2)
    go()
    await ended(jobs, jobId)
  })

  test('is at most 16 MiB, in chunks of at most 64 KiB, as JSON says or not', async () => {
    const limits = { chunkBytes: 10, streamBytes: 25 }
    const cases: [Handler, Mode, string][] = [
      [
        ({ output }) => output.write('x'.repeat(11)),
        'text',
        'A chunk of the live output has 11 bytes, and at most 10 are allowed.',
      ],
      [({ output }) => output.write('漢漢漢漢'), 'text', 'A chunk of the live output has 12 bytes'],
      [
        async ({ output }) => {
          for (let i = 0; i < 6; i++) await output.write('12345')
        },
        'text',
        'The live output has 30 bytes, and at most 25 are allowed.',
      ],
    ]
    for (const [run, mode, message] of cases) {
      const { jobs } = system(run, mode, { limits })
      const found = await ended(jobs, await start(jobs))
      expect(found).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'output-too-long' } })
      expect(found.error?.message).toContain(message)
    }
  })

  test.each<[string, Mode, unknown, string]>([
    ['a number as text', 'text', 7, "output.write() takes a string, because the type has stream: 'text'."],
    ['a text as bytes', 'binary', 'x', "output.write() takes a Uint8Array, because the type has stream: 'binary'."],
    ['a Map as JSON', 'json', new Map(), 'A message of the live output is a Map'],
    ['undefined as JSON', 'json', () => {}, 'A message of the live output is a function'],
  ])('%s fails the job at once', async (_, mode, chunk, message) => {
    const { jobs } = system(({ output }) => output.write(chunk), mode)
    const found = await ended(jobs, await start(jobs))
    expect(found).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'invalid-output' } })
    expect(found.error?.message).toContain(message)
  })

  test('needs the option stream', async () => {
    const { jobs, get } = system(({ output }) => output.write('x'), undefined, {}, { maxAttempts: 1 })
    const jobId = await start(jobs)
    expect((await ended(jobs, jobId)).status).toBe('failed')
    const [attempt] = await jobs.attempts(jobId, every)
    expect(attempt?.error?.thrown).toContain('The job type one needs the option stream to write live output.')
    expect((await get(`${jobId}/output`)).status).toBe(404)
    expect(() => one(() => 1, 'video' as Mode)).toThrow('stream must be text, json or binary')
  })

  test('may be taken out of the context without that', async () => {
    const { jobs } = system(({ output }) => typeof output)
    expect(await ended(jobs, await start(jobs))).toMatchObject({ status: 'completed', output: 'object' })
  })

  test('is kept when the job is cancelled while it is stored', async () => {
    const warnings: string[] = []
    const log: Log = { ...silentLog, warn: (_, message) => void warnings.push(message), child: () => log }
    let signal: AbortSignal | null = null
    const { jobs, get, opened } = system(
      async (context) => {
        signal = context.signal
        void context.output.write('last words')
        await new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason)))
      },
      'text',
      { log },
    )
    await jobs.ready()
    const { addFragments } = opened()
    opened().addFragments = async (rows) => {
      const stored = await addFragments(rows)
      await jobs.cancel(rows[0]?.lease.id ?? '', every)
      await until(() => signal?.aborted)
      return stored
    }
    const jobId = await start(jobs)
    expect((await ended(jobs, jobId)).status).toBe('cancelled')
    expect(await (await get(`${jobId}/output`)).text()).toBe('last words')
    expect(warnings).toEqual([])
  })
})

describe('the streams of a job', () => {
  test('each attempt has its own; that of a failed one is closed, and keeps what it has', async () => {
    const { jobs, get } = system(async ({ output, attempt }) => {
      await output.write(`attempt ${attempt}`)
      if (attempt < 3) throw new Error('It broke.')
    }, 'text')
    const jobId = await start(jobs)
    await ended(jobs, jobId)
    for (const n of [1, 2, 3]) {
      const response = await get(`${jobId}/output/${n}`)
      expect([await response.text(), response.headers.get('stream-closed')]).toEqual([`attempt ${n}`, 'true'])
    }
    expect(await (await get(`${jobId}/output`)).text()).toBe('attempt 3')
    for (const path of ['output/4', 'output/0', 'output/x', 'output/1/x', 'output/99999999']) {
      expect([path, (await get(`${jobId}/${path}`)).status]).toEqual([path, 404])
    }
  })

  test('a run that was given back has its own, too', async () => {
    let runs = 0
    const { jobs, clock, get } = system(async ({ output, snooze }) => {
      await output.write(`run ${++runs}`)
      if (runs < 3) snooze(1_000)
    }, 'text')
    const jobId = await start(jobs)
    for (let i = 1; i < 3; i++) {
      await until(async () => runs === i && (await jobs.get(jobId, every))?.status === 'pending')
      await clock.advance(1_000)
    }
    expect((await ended(jobs, jobId)).attempt).toBe(1)
    const all = await Promise.all([1, 2, 3].map(async (n) => (await get(`${jobId}/output/${n}`)).text()))
    expect(all).toEqual(['run 1', 'run 2', 'run 3'])
  })

  test('one that does not exist yet can be followed; a job that ends without output closes it', async () => {
    const { open: go, passed } = gate()
    const { jobs, get } = system(() => passed, 'text')
    const { jobId } = await jobs.enqueue('one', {}, { owner: 'ann' })
    const waiting = await get(`${jobId}/output`)
    expect([waiting.status, await waiting.text(), waiting.headers.get('stream-closed')]).toEqual([200, '', null])
    const polled = get(`${jobId}/output?offset=-1&live=long-poll`)
    await jobs.work()
    go()
    expect((await polled).status).toBe(204)
    expect((await polled).headers.get('stream-closed')).toBe('true')
  })

  test('a client of another owner, and one that may not read, gets none', async () => {
    const { jobs, get } = system(({ output }) => output.write('x'), 'text')
    const jobId = await start(jobs)
    await ended(jobs, jobId)
    for (const path of ['output', 'output/1', 'output?offset=-1&live=sse']) {
      const foreign = await get(`${jobId}/${path}`, { authorization: 'bob' })
      const absent = await get(`01ARZ3NDEKTSV4RRFFQ69G5FAV/${path}`, { authorization: 'bob' })
      expect([foreign.status, await foreign.text()]).toEqual([404, await absent.text()])
    }
  })

  test('they go with the job', async () => {
    const { jobs, get, opened } = system(({ output }) => output.write('x'), 'text')
    const jobId = await start(jobs)
    await ended(jobs, jobId)
    await jobs.remove(jobId, every)
    expect((await get(`${jobId}/output`)).status).toBe(404)
    const left = { ...every, jobId, after: null, limit: 9 } as const
    for (const kind of ['output', 'output/1']) expect(await opened().fragments({ ...left, kind })).toEqual([])
  })
})

describe('live reads', () => {
  test('a long-poll returns when something was written, by this process or another', async () => {
    const file = tempFile()
    const { open: go, passed } = gate()
    const run: Handler = async ({ output }) => {
      await output.write('first')
      await passed
      await output.write('second')
    }
    const { jobs, get } = system(run, 'text', { store: sqlite(file) })
    // Its clock goes on, since it notices the commits of the other process by looking.
    const other = createJobs({
      jobs: one(run, 'text'),
      store: sqlite(file),
      log: silentLog,
      authenticate: () => ({ owner: 'ann' }),
    })
    atEnd(() => other.close())
    const far = (path: string) => other.fetch(new Request(`http://x/api/jobs/${path}`))
    const jobId = await start(jobs)
    const first = await get(`${jobId}/output?offset=-1&live=long-poll`)
    expect(await first.text()).toBe('first')
    const offset = first.headers.get('stream-next-offset')
    const waiting = [get, far].map((read) => read(`${jobId}/output?offset=${offset}&live=long-poll`))
    go()
    for (const response of await Promise.all(waiting))
      expect([response.status, await response.text()]).toEqual([200, 'second'])
  })

  test('a hundred readers get the same bytes as they come', async () => {
    const { jobs, get, clock } = system(async ({ output }) => {
      for (let i = 0; i < 50; i++) {
        await output.write(`word ${i} `)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }, 'text')
    const { jobId } = await jobs.enqueue('one', {}, { owner: 'ann' })
    const read = async () => {
      let text = ''
      for await (const { type, data } of eventsOf(await get(`${jobId}/output?offset=-1&live=sse`))) {
        if (type === 'data') text += data
        else if (type === 'control' && JSON.parse(data).streamClosed) return text
      }
      return 'not closed'
    }
    const readers = Promise.all(Array.from({ length: 100 }, read))
    await jobs.work()
    await until(async () => {
      await clock.advance(50)
      return (await jobs.get(jobId, every))?.completedAt
    })
    const expected = Array.from({ length: 50 }, (_, i) => `word ${i} `).join('')
    expect(new Set(await readers)).toEqual(new Set([expected]))
  })

  test('a stream is silent for 15 seconds at most, and ends with the server', async () => {
    const { open: go, passed } = gate()
    const { jobs, get, clock } = system(async ({ output }) => {
      await output.write('x')
      await passed
    }, 'text')
    const jobId = await start(jobs)
    const events = eventsOf(await get(`${jobId}/output?offset=-1&live=sse`))
    const seen: string[] = []
    const reading = (async () => {
      for await (const { type, data } of events) seen.push(type === 'data' ? data : type)
    })()
    await until(() => seen.includes('x'))
    await clock.advance(15_000)
    await until(() => seen.includes('comment'))
    go()
    const closed = jobs.close()
    await reading
    await clock.advance(30_000)
    await closed
  })

  test.each([
    'offset=',
    'offset=x',
    'offset=-1&offset=now',
    'live=sse',
    'live=long-poll',
    'offset=-1&live=video',
    'offset=0,1',
  ])('%s is refused', async (query) => {
    const { jobs, get } = system(({ output }) => output.write('x'), 'text')
    const jobId = await start(jobs)
    expect((await get(`${jobId}/output?${query}`)).status).toBe(400)
    await ended(jobs, jobId)
  })
})
