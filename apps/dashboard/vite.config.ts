import { defineConfig } from 'vite'

export default defineConfig({
  // Relative to the page, which may be at any path.
  base: './',
  // `npm run dev`: the pages from their sources, with the API of a running server, such as that of `npm start`.
  server: {
    proxy: {
      '/dashboard-api': {
        target: process.env.SERVER ?? 'http://127.0.0.1:3000',
        rewrite: (path) => `/dashboard${path}`,
      },
    },
  },
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
