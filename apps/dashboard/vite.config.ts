import { defineConfig } from 'vite'

export default defineConfig({
  // Relative to the page, which may be at any path.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../packages/uketsuke/pages',
    assetsDir: 'dashboard-assets',
    emptyOutDir: true,
    target: 'es2022',
    // No inline code or data: the content security policy allows none.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
})
