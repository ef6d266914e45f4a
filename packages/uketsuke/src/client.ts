export * from '@uketsuke/client'
