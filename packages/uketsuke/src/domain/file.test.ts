import { describe, expect, it } from 'vitest'
import { contentTypeOf, filesOf, filesText, isContentType, isFileName } from './file.ts'

describe('file names', () => {
  it.each([
    'report.pdf',
    'a',
    'x'.repeat(255),
    'Ж…漢字 🚀.txt',
    'שלום.pdf',
    'CON',
    'nul.txt',
    'a..b',
    '~',
    ' ',
    'a:b',
    '%2e%2e',
  ])('%j is valid', (name) => expect(isFileName(name)).toBe(true))
  it.each([
    '',
    '.',
    '..',
    '.htaccess',
    'a/b',
    '/etc/passwd',
    '../a',
    'a\\b',
    'a\0b',
    'a\nb',
    'a\u007f',
    'a\u0085',
    'gpj.\u202eexe',
    'a\u2066b',
    '\ud800',
    'x'.repeat(256),
    7,
    null,
    undefined,
  ])('%j is not', (name) => expect(isFileName(name)).toBe(false))
})

describe('content types', () => {
  it.each(['text/plain', 'text/plain; charset=utf-8', 'a/b;c="d e"', 'image/svg+xml'])('%j is valid', (type) =>
    expect(isContentType(type)).toBe(true),
  )
  it.each(['', 'text', 'text/plain\r\nSet-Cookie: a=b', 'text/plain; charset', 'é/x', `a/${'b'.repeat(255)}`, 7])(
    '%j is not',
    (type) => expect(isContentType(type)).toBe(false),
  )
  it.each([
    ['report.PDF', 'application/pdf'],
    ['a.tar.gz', 'application/gzip'],
    ['constructor', 'application/octet-stream'],
    ['x.constructor', 'application/octet-stream'],
  ])('that of %s is %s', (name, type) => expect(contentTypeOf(name)).toBe(type))
})

describe('the list of a job', () => {
  const file = { name: 'a.txt', contentType: 'text/plain', bytes: 1, sha256: 'ab', run: '1.x' }
  it('is null without files', () => expect([filesText([]), filesOf({ files: null })]).toEqual([null, []]))
  it('is read as it was written', () => expect(filesOf({ files: filesText([file]) })).toEqual([file]))
  it.each(['', '{}', '7', '[null,{"name":"../x"}]'])('is empty if it is damaged: %j', (files) =>
    expect(filesOf({ files })).toEqual([]),
  )
})
