import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

const algorithm = 'aes-256-gcm'
const [ivBytes, tagBytes] = [12, 16]

/** A key of the shared one for one purpose, so that what is sealed for another purpose cannot be opened with it. */
export const keyFor = (purpose: string, shared: string): Buffer =>
  createHash('sha256').update(`${purpose}.${shared}`).digest()

/** Encrypts a text with AES-256-GCM. It can be opened only with the same key of 32 bytes and the same `context`. Returns base64url. */
export function seal(key: Buffer, text: string, context = ''): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv(algorithm, key, iv).setAAD(Buffer.from(context))
  const sealed = Buffer.concat([cipher.update(text), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
}

/** Null for anything that `seal` did not produce with this key and context. */
export function unseal(key: Buffer, sealed: string, context = ''): string | null {
  const bytes = Buffer.from(sealed, 'base64url')
  // Node.js skips invalid characters: one sealed text has one spelling.
  if (bytes.length <= ivBytes + tagBytes || bytes.toString('base64url') !== sealed) return null
  const iv = bytes.subarray(0, ivBytes)
  const decipher = createDecipheriv(algorithm, key, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(context))
  decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString()
  } catch {
    return null
  }
}
