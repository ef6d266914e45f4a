import { isLosslessNumber, parse } from 'lossless-json'
import { t } from './language.ts'

/** JSON as a tree that folds. Numbers are shown as they were sent, however large. */
export function JsonTree({ text, label }: { text: string | null; label: string }) {
  if (text === null) return <p class="dim">{t('hiddenOrNone')}</p>
  let value: unknown
  try {
    value = parse(text)
  } catch {
    return <pre>{text}</pre>
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="tree mono" tabIndex={0} aria-label={label}>
      <Node name={null} value={value} depth={0} />
    </section>
  )
}

/** More members than these are shown on demand. */
const most = 200

function Node({ name, value, depth }: { name: string | null; value: unknown; depth: number }) {
  const key = name === null ? null : <span class="key">{name}: </span>
  if (typeof value !== 'object' || value === null || isLosslessNumber(value)) {
    return (
      <div>
        {key}
        <Leaf value={value} />
      </div>
    )
  }
  const members = Object.entries(value)
  const size = Array.isArray(value) ? `[${members.length}]` : `{${members.length}}`
  return (
    <details open={depth < 2}>
      <summary>
        {key}
        <span class="dim">{size}</span>
      </summary>
      <div class="members">
        {members.slice(0, most).map(([member, inner]) => (
          <Node key={member} name={member} value={inner} depth={depth + 1} />
        ))}
        {members.length > most && <div class="dim">… {members.length - most}</div>}
      </div>
    </details>
  )
}

/** A browser takes long to lay out a text of megabytes. */
const longest = 20_000
const shortened = (text: string) => (text.length > longest ? `${text.slice(0, longest)}…` : text)

function Leaf({ value }: { value: unknown }) {
  if (isLosslessNumber(value)) return <span class="number">{value.value}</span>
  if (typeof value === 'string') return <span class="string">{JSON.stringify(shortened(value))}</span>
  return <span class="literal">{String(value)}</span>
}
