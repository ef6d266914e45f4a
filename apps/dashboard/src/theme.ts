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

/** The colour of a CSS variable in the present theme, for a canvas. */
export function color(name: string, opacity = 1): string {
  const probe = document.createElement('span')
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g) ?? []
  probe.remove()
  return `rgba(${red}, ${green}, ${blue}, ${opacity})`
}
