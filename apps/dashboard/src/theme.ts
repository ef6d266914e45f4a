import { recall, remember } from './stored.ts'

const stored = 'uketsuke-theme'
const root = document.documentElement
const saved = recall(stored)
if (saved === 'light' || saved === 'dark') root.dataset.theme = saved

const prefersDark = matchMedia('(prefers-color-scheme: dark)')
export const isDark = () => (root.dataset.theme ?? (prefersDark.matches ? 'dark' : 'light')) === 'dark'

/** For what does not follow from CSS. */
export const themeChange = new EventTarget()
prefersDark.addEventListener('change', () => themeChange.dispatchEvent(new Event('change')))

export function switchTheme(): void {
  root.dataset.theme = isDark() ? 'light' : 'dark'
  remember(stored, root.dataset.theme ?? 'light')
  themeChange.dispatchEvent(new Event('change'))
}

/** The value of a CSS variable. */
export const color = (name: string) => getComputedStyle(root).getPropertyValue(`--${name}`).trim()
