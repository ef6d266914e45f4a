import { median } from './clock.ts'
import type { Entry, Figure, Measure, Sample } from './measures/port.ts'

/** What came of one entry, over all rounds. */
export interface Row {
  readonly entry: Entry
  readonly samples: Sample[]
  readonly failures: string[]
}

export interface Table {
  readonly measure: Measure
  readonly rows: readonly Row[]
}

const width = ({ samples }: Row, key: string) =>
  samples.map(({ figures }) => figures[key]).filter((one) => one !== undefined)
const middle = (row: Row, key: string) => median(width(row, key))

/** As Markdown: the median with minimum and maximum, and each of ours over each row. */
export function markdown({ measure, rows }: Table): string {
  const ours = rows.filter(({ entry, samples }) => entry.system?.ours && samples.length > 0)
  const [main] = measure.figures.filter(({ better }) => better !== null)
  const compared = main && rows.length > 1 ? ours : []
  const head = [
    '',
    ...measure.figures.map(({ title }) => title),
    ...compared.map(({ entry }) => `${short(entry)} ÷ this`),
    'durability',
    'rounds',
  ]
  const lines = rows.map((row) => {
    if (row.samples.length === 0) return [row.entry.label, `failed: ${row.failures[0] ?? 'no run'}`]
    return [
      row.entry.label,
      ...measure.figures.map((figure) => range(width(row, figure.key), figure)),
      ...compared.map((one) => (main ? ratio(middle(one, main.key), middle(row, main.key)) : '')),
      row.samples[0]?.durability ?? '',
      `${row.samples.length}${row.failures.length > 0 ? `, ${row.failures.length} failed: ${row.failures[0]}` : ''}`,
    ]
  })
  const cells = [
    head,
    head.map(() => '---'),
    ...lines.map((line) => [...line, ...head.slice(line.length).map(() => '')]),
  ]
  const text = cells
    .map((line) => `| ${line.map((cell) => cell.replaceAll('|', '/').replaceAll(/\s+/g, ' ')).join(' | ')} |`)
    .join('\n')
  const ratios = main && compared.length > 0 ? ` Ratios are of “${main.title}”; ${main.better} is better.` : ''
  return `## ${measure.title}\n\n\`${measure.name}\`. ${measure.about}${ratios}\n\n${text}\n`
}

function short({ name }: Entry): string {
  return name.replace(/^uketsuke-/, '')
}

function ratio(a: number, b: number): string {
  const value = a / b
  return Number.isFinite(value) ? `${value.toFixed(2)}×` : ''
}

function range(values: readonly number[], { digits = 1 }: Figure): string {
  const finite = values.filter(Number.isFinite)
  if (finite.length === 0) return 'n/a'
  const show = (value: number) =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  const all = [Math.min(...finite), Math.max(...finite)].map(show)
  const about = finite.length > 1 && all[0] !== all[1] ? ` (${all.join('…')})` : ''
  return `${show(median(finite))}${about}`
}
