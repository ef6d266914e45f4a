import { en } from './english.ts'
import { ja } from './japanese.ts'
import { recall, remember } from './stored.ts'

export type Key = keyof typeof en
export type Texts = Record<Key, string>

const languages: Record<string, Texts> = { en, ja }
const stored = 'uketsuke-language'

function chosen(): string {
  const wanted = [recall(stored), ...navigator.languages.map((one) => one.slice(0, 2))]
  return wanted.find((one) => one !== null && Object.hasOwn(languages, one)) ?? 'en'
}

let current = chosen()
document.documentElement.lang = current

export const language = () => current

/** Shows everything in the other language. */
export function switchLanguage(): void {
  current = current === 'en' ? 'ja' : 'en'
  remember(stored, current)
  document.documentElement.lang = current
}

/** A text in the reader's language, with `{0}`, `{1}` … replaced. */
export function t(key: Key, ...values: (string | number)[]): string {
  const text = languages[current]?.[key] ?? en[key]
  return text.replace(/\{(\d)\}/g, (_, i) => String(values[Number(i)] ?? ''))
}
