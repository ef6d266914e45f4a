import { pino } from 'pino'
import { expect, it } from 'vitest'
import { terminalLines } from './terminal-log.ts'

function written(log: (to: ReturnType<typeof pino>) => void, color = false): string {
  let text = ''
  log(pino({ name: 'x' }, terminalLines({ write: (more) => (text += more) }, color)))
  return text.replace(/^\S*?\d\d:\d\d:\d\d\.\d{3}/gm, 'TIME')
}

it('writes a line of text with the fields, and the stack of an error', () => {
  expect(written((log) => log.child({ jobId: '01' }).warn({ n: 1, to: 'a b', list: [1] }, 'mailbox full'))).toBe(
    'TIME warn  mailbox full jobId=01 n=1 to="a b" list=[1]\n',
  )
  const lines = written((log) => log.error({ err: new Error('no paper') }, 'attempt failed')).split('\n')
  expect(lines.slice(0, 2)).toEqual(['TIME error attempt failed', '  Error: no paper'])
})

it('is coloured if asked', () => {
  expect(written((log) => log.info({}, 'hello'), true)).toContain('\u001b[32minfo ')
})

it('passes on what is not JSON', () => {
  let text = ''
  terminalLines({ write: (more) => (text += more) }, false).write('plain\n')
  expect(text).toBe('plain\n')
})
