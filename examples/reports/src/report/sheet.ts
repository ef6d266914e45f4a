import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import PDFDocument from 'pdfkit'
import type { City, Kind } from './weather.ts'

const folder = dirname(createRequire(import.meta.url).resolve('@expo-google-fonts/noto-sans-jp/package.json'))
// Read once per process: 5 MB each. TrueType, because pdfkit takes seconds to parse the same fonts as WOFF.
const fonts = ['300Light', '400Regular', '700Bold'].map((name) => ({
  weight: name.slice(3).toLowerCase(),
  file: readFileSync(join(folder, name, `NotoSansJP_${name}.ttf`)),
}))

export const ink = {
  text: '#23211d',
  soft: '#6d675c',
  line: '#d9d2c3',
  faint: '#f4f0e6',
  paper: '#fdfcf8',
  seal: '#b3402e',
}
/** The city colors of all charts. Blue and vermilion are distinguishable for color-blind readers. */
export const cityInk: Record<City, { strong: string; light: string }> = {
  Seattle: { strong: '#2b5175', light: '#a9bfd2' },
  'New York': { strong: '#b3402e', light: '#e3b3a6' },
}
export const kindInk: Record<Kind, string> = {
  sun: '#e2b04a',
  fog: '#c9c6bd',
  drizzle: '#a3bccb',
  rain: '#47749a',
  snow: '#8f88b3',
}

/** A4 in points. */
export const page = { width: 595.28, height: 841.89, left: 54, right: 541.28, top: 60, bottom: 780 }
export const contentWidth = page.right - page.left

export interface Style {
  size?: number
  weight?: 'light' | 'regular' | 'bold'
  color?: string
  align?: 'left' | 'center' | 'right'
}

/** The PDF document with the drawing primitives of all pages. `y` of a text is its baseline, not its top. */
export class Sheet {
  readonly doc: PDFKit.PDFDocument

  constructor(title: string) {
    this.doc = new PDFDocument({
      size: 'A4',
      margin: 0,
      autoFirstPage: false,
      displayTitle: true,
      lang: 'en',
      info: { Title: title, Author: 'Uketsuke demo', Subject: 'Daily weather of Seattle and New York' },
    })
    for (const { weight, file } of fonts) this.doc.registerFont(weight, file)
  }

  text(text: string, x: number, y: number, style: Style = {}): void {
    const { size = 9, weight = 'regular', color = ink.text, align = 'left' } = style
    this.doc.font(weight).fontSize(size).fillColor(color)
    const back = align === 'left' ? 0 : this.doc.widthOfString(text) / (align === 'center' ? 2 : 1)
    this.doc.text(text, x - back, y, { lineBreak: false, baseline: 'alphabetic' })
  }

  /** Draws text that wraps. `y` is its top. */
  paragraph(text: string, x: number, y: number, width: number, style: Style = {}): void {
    const { size = 9, weight = 'regular', color = ink.soft } = style
    this.doc
      .font(weight)
      .fontSize(size)
      .fillColor(color)
      .text(text, x, y, { width, lineGap: size * 0.12 })
  }

  rule(x1: number, y: number, x2: number, color = ink.line, width = 0.6): void {
    this.doc.moveTo(x1, y).lineTo(x2, y).lineWidth(width).strokeColor(color).stroke()
  }

  rect(x: number, y: number, width: number, height: number, color: string): void {
    if (width > 0 && height > 0) this.doc.rect(x, y, width, height).fill(color)
  }

  /** Draws a legend in a row. Returns the x of its end. */
  legend(entries: readonly (readonly [name: string, color: string])[], x: number, y: number): number {
    for (const [name, color] of entries) {
      this.rect(x, y - 6.5, 7, 7, color)
      this.text(name, x + 11, y, { size: 8.5, color: ink.soft })
      x += 11 + this.doc.widthOfString(name) + 16
    }
    return x
  }
}
