export default { serverExternalPackages: ['uketsuke', 'pg', '@redis/client'] }
