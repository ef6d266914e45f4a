import { median } from './clock.ts'
import type { Entry, Figure, Measure, RunResult } from './measures/port.ts'

/** The results of one entry over all rounds. */
export interface Row {
  readonly entry: Entry
  readonly results: RunResult[]
  readonly failures: string[]
}

export interface Table {
  readonly measure: Measure
  readonly rows: readonly Row[]
}

const valuesOf = ({ results }: Row, key: string) =>
  results.map(({ figures }) => figures[key]).filter((value) => value !== undefined)
const medianOf = (row: Row, key: string) => median(valuesOf(row, key))

/** A Markdown table: medians with minimum and maximum, and the ratios of our systems to each row. */
export function markdown({ measure, rows }: Table): string {
  const ours = rows.filter(({ entry, results }) => entry.system?.ours && results.length > 0)
  const [main] = measure.figures.filter(({ better }) => better !== null)
  const compared = main && rows.length > 1 ? ours : []
  const head = [
    '',
    ...measure.figures.map(({ title }) => title),
    ...compared.map(({ entry }) => `${shortName(entry)} ÷ this`),
    'durability',
    'rounds',
  ]
  const lines = rows.map((row) => {
    const { entry, results, failures } = row
    if (results.length === 0) return [entry.label, `failed: ${failures[0] ?? 'no run'}`]
    return [
      entry.label,
      ...measure.figures.map((figure) => formatRange(valuesOf(row, figure.key), figure)),
      ...compared.map((one) => (main ? formatRatio(medianOf(one, main.key), medianOf(row, main.key)) : '')),
      results[0]?.durability ?? '',
      `${results.length}${failures.length > 0 ? `, ${failures.length} failed: ${failures[0]}` : ''}`,
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
  const ratios = main && compared.length > 0 ? ` Ratios compare “${main.title}”; ${main.better} is better.` : ''
  return `## ${measure.title}\n\n\`${measure.name}\`. ${measure.about}${ratios}\n\n${text}\n`
}

function shortName({ name }: Entry): string {
  return name.replace(/^uketsuke-/, '')
}

function formatRatio(a: number, b: number): string {
  const value = a / b
  return Number.isFinite(value) ? `${value.toFixed(2)}×` : ''
}

function formatRange(values: readonly number[], { digits = 1 }: Figure): string {
  const finite = values.filter(Number.isFinite)
  if (finite.length === 0) return 'n/a'
  const format = (value: number) =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  const bounds = [Math.min(...finite), Math.max(...finite)].map(format)
  const range = finite.length > 1 && bounds[0] !== bounds[1] ? ` (${bounds.join('…')})` : ''
  return `${format(median(finite))}${range}`
}
