/** Types that browsers only display. Any other could run scripts on the origin of the API, such as HTML and SVG. */
const displayed = /^(?:image\/(?:avif|gif|jpeg|png|webp)|(?:audio|video)\/[\w.-]+|application\/pdf|text\/plain)(?:;|$)/

/** Whether a browser may show a file of this type, instead of saving it. */
export const isDisplayed = (contentType: string): boolean => displayed.test(contentType)

/** `Content-Disposition` with the name of a file, in ASCII for old clients and in any characters for all others (RFC 6266, RFC 8187). */
export function contentDisposition(name: string, contentType: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["%\\]/g, '_')
  const extended = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  const way = isDisplayed(contentType) ? 'inline' : 'attachment'
  return `${way}; filename="${ascii}"; filename*=UTF-8''${extended}`
}
