import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kindOf } from '../../packages/uketsuke/src/notify/addresses.ts'
import { destinations } from '../../packages/uketsuke/src/notify/destinations.ts'

/** Returns why a webhook URL is rejected, or null if it is allowed. Parses the URL first, like `validate`. */
function refusal(text: string, options: Parameters<typeof destinations>[0] = {}): string | null {
  if (!URL.canParse(text)) return 'It is no URL.'
  return destinations({ httpsOnly: false, ...options }).refuse(new URL(text))
}

/** The first and last address of every IPv4 block that is not public (RFC 6890 and its registry). */
const ipv4 = `
  0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.0 127.0.0.1 127.255.255.255 169.254.0.0
  169.254.169.254 169.254.170.2 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.8 192.0.0.170 192.0.0.192 192.0.0.255
  192.0.2.0 192.0.2.255 192.88.99.0 192.88.99.255 192.168.0.0 192.168.1.1 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.0
  198.51.100.255 203.0.113.0 203.0.113.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255 168.63.129.16
  100.100.100.200`
  .trim()
  .split(/\s+/)

const ipv6 = `
  :: ::1 ::2 ::ffff:0:0 ::ffff:7f00:1 ::ffff:808:808 ::ffff:0:7f00:1 ::ffff:0:808:808 ::7f00:1 ::808:808 64:ff9b:: 64:ff9b::7f00:1
  64:ff9b::808:808 64:ff9b:1:: 64:ff9b:1::1 64:ff9b:1:ffff::1 100:: 100::1 100:0:0:1::1 1fff:ffff::1 2001:: 2001::1 2001:0:1::1
  2001:1::1 2001:2::1 2001:4:112::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8:: 2001:db8::1 2001:db8:ffff::1 2002:: 2002:7f00:1::
  2002:a9fe:a9fe::1 2002:808:808::1 2002:ffff::1 2620:4f:8000::1 3fff:: 3fff::1 3fff:fff::1 4000::1 5f00:: 5f00::1 8000::1 fc00::
  fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 fdff:ffff::1 fe80:: fe80::1 fe80::a9fe:a9fe febf::1 fec0:: fec0::1 feff::1 ff00::1 ff02::1
  ff0e::1 ffff::1`
  .trim()
  .split(/\s+/)

const publicAddresses = `
  1.1.1.1 8.8.8.8 9.9.9.9 11.0.0.1 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255 169.255.0.0
  172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.1 192.0.3.0 192.31.196.1 192.52.193.1 192.88.98.255 192.88.100.0 192.167.255.255
  192.169.0.0 192.175.48.1 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
  168.63.129.15 168.63.129.17 [2000::1] [2001:200::1] [2001:4860:4860::8888] [2001:db7:ffff::1] [2001:db9::1] [2003::1]
  [2606:4700:4700::1111] [2620:4f:7fff::1] [2620:4f:8001::1] [2620:fe::fe] [2a00:1450:4001::1] [3ffe::1] [3fff:1000::1]`
  .trim()
  .split(/\s+/)

/** Spellings of 127.0.0.1, 169.254.169.254 and 10.0.0.1 that attackers use. The URL parser normalizes all of them. */
const spellings = `
  2130706433 0x7f000001 0x7f.0.0.1 0x7f.1 0177.0.0.1 0177.1 017700000001 127.1 127.0.1 127.0.0.1. 127.000.000.001 ①②⑦.⓪.⓪.① １２７.0.0.1
  127。0。0。1 127．0．0．1 %31%32%37.0.0.1 127.0.0.%31 0x7F.0x0.0x0.0x1 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.43518 169.16689662
  0xA9.0xFE.0xA9.0xFE ①⑥⑨.②⑤④.①⑥⑨.②⑤④ 167772161 0xa000001 012.1 10.1 0 0x0 00 [::127.0.0.1] [::ffff:127.0.0.1] [0:0:0:0:0:ffff:7f00:0001]
  [::ffff:0x7f.1] [::FFFF:7F00:1] [0000::1] [::0:1] [64:ff9b::127.0.0.1] [2002:7f00:0001::] [::ffff:169.254.169.254] [::ffff:a9fe:a9fe]
  [fe80::1%25eth0] [::1%2525lo] [fd00:0ec2::0254]`
  .trim()
  .split(/\s+/)

const names = `
  localhost LOCALHOST localhost. foo.localhost foo.localhost. ｌｏｃａｌｈｏｓｔ local%68ost localhost.localdomain router.local printer.LOCAL.
  db.internal metadata.google.internal metadata.google.internal. metadata metadata.azure.com instance-data instance-data.ec2.internal
  nas.lan host.home.arpa web.intranet kubernetes.default.svc.cluster.local intranet db a redis postgres x.test x.invalid x.example
  onion.onion`
  .trim()
  .split(/\s+/)

const elsewhere = [
  'https://example.com/',
  'https://example.com./',
  'http://hooks.customer.co.uk:8080/a?b=c',
  'https://例え.jp/',
  'https://a.b.c.d.e.com:8443/',
  'https://xn--r8jz45g.jp/',
  'https://localhost.attacker.com/',
  'https://10.0.0.1.nip.io/',
  'https://internal.example.com/',
  'https://local.com/',
]

describe('a webhook URL', () => {
  it.each([...ipv4, ...ipv6.map((one) => `[${one}]`), ...spellings, ...names])(
    'is rejected with the host %s',
    (host) => {
      for (const scheme of ['http', 'https']) expect(refusal(`${scheme}://${host}/hook`), scheme).not.toBeNull()
      expect(refusal(`http://${host}:8080/hook`)).not.toBeNull()
    },
  )

  it.each([...publicAddresses.map((host) => `https://${host}/hook`), ...elsewhere])('is allowed: %s', (url) => {
    expect(refusal(url)).toBeNull()
  })

  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'gopher://example.com:80/',
    'javascript:alert(1)',
    'data:text/plain,a',
    'ws://example.com/',
    'https://user@example.com/',
    'https://user:pw@example.com/',
    'https://:pw@example.com/',
    'https://example.com:22/',
    'http://example.com:25/',
    'http://example.com:6379/',
    'http://example.com:0/',
    'http://example.com:65535/',
    'https://example.com:99999/',
    'https:///',
    'https://[::1/',
    'https://a b.com/',
    'https://example.com%00.attacker.com/',
    '//example.com/',
    'example.com',
    '',
  ])('is rejected: %s', (url) => {
    expect(refusal(url)).not.toBeNull()
  })

  it('must be https with httpsOnly, and in production', () => {
    expect(refusal('http://example.com/', { httpsOnly: true })).toMatch(/https/)
    expect(refusal('https://example.com/', { httpsOnly: true })).toBeNull()
    expect(refusal('http://10.0.0.1:9000/', { httpsOnly: true, allowHosts: ['10.0.0.1:9000'] })).toBeNull()
    const before = process.env.NODE_ENV
    process.env.NODE_ENV = 'production'
    try {
      expect(destinations().refuse(new URL('http://example.com/'))).toMatch(/https/)
    } finally {
      process.env.NODE_ENV = before
    }
  })

  it('cannot reach a metadata service with any option', () => {
    const hosts = [
      '169.254.169.254',
      '[::ffff:a9fe:a9fe]',
      '168.63.129.16',
      '100.100.100.200',
      '[fd00:ec2::254]',
      'metadata.google.internal',
    ]
    for (const host of hosts) {
      const options = { allowHosts: [`${host}:80`], allowPrivateNetworks: true, ports: [80] }
      expect(refusal(`http://${host}/latest/meta-data`, options), host).toMatch(/never/)
    }
  })

  it.each(['10.0.0.1', '127.0.0.1', '[::1]', '[fd00::1]', 'localhost', 'receiver'])(
    'may lead to %s where private networks are allowed',
    (host) => {
      expect(refusal(`http://${host}/`)).not.toBeNull()
      expect(refusal(`http://${host}/`, { allowPrivateNetworks: true })).toBeNull()
      expect(refusal(`http://${host}:9000/`, { allowHosts: [`${host}:9000`] })).toBeNull()
      expect(refusal(`http://${host}:9001/`, { allowHosts: [`${host}:9000`] })).not.toBeNull()
    },
  )
})

/** An independent oracle: the tables of the RFCs as bit prefixes. */
const bits = (groups: readonly number[], width: number) =>
  groups.map((one) => one.toString(2).padStart(width, '0')).join('')
const within = (prefixes: readonly (readonly [readonly number[], number])[], width: number) => {
  const heads = prefixes.map(([groups, length]) => bits(groups, width).padEnd(128, '0').slice(0, length))
  return (address: string) => heads.some((head) => address.startsWith(head))
}
const special4 = within(
  [
    [[0], 8],
    [[10], 8],
    [[100, 64], 10],
    [[127], 8],
    [[169, 254], 16],
    [[172, 16], 12],
    [[192, 0, 0], 24],
    [[192, 0, 2], 24],
    [[192, 88, 99], 24],
    [[192, 168], 16],
    [[198, 18], 15],
    [[198, 51, 100], 24],
    [[203, 0, 113], 24],
    [[224], 3],
    [[168, 63, 129, 16], 32],
  ],
  8,
)
const special6 = within(
  [
    [[0x2001, 0], 23],
    [[0x2001, 0xdb8], 32],
    [[0x2002], 16],
    [[0x2620, 0x4f, 0x8000], 48],
    [[0x3fff, 0], 20],
  ],
  16,
)
const global6 = within([[[0x2000], 3]], 16)

const runs = Number(process.env.EGRESS_RUNS ?? 5_000)

/** Half of the random addresses start like a special-purpose block, because most others are far from every boundary. */
const starts4 = [
  [10],
  [100, 64],
  [100, 127],
  [127],
  [169, 254],
  [172, 16],
  [172, 31],
  [192, 0, 0],
  [192, 0, 2],
  [192, 88, 99],
  [192, 168],
  [198, 18],
  [198, 51, 100],
  [203, 0, 113],
  [168, 63, 129],
]
const starts6 = [
  [0],
  [0, 0, 0, 0, 0, 0xffff],
  [0x64, 0xff9b],
  [0x2000],
  [0x2001],
  [0x2001, 0],
  [0x2001, 0x1ff],
  [0x2001, 0xdb8],
  [0x2002],
  [0x2620, 0x4f],
  [0x3ffe],
  [0x3fff],
  [0xfc00],
  [0xfe80],
  [0xff02],
]
const address = (starts: readonly number[][], length: number, max: number) =>
  fc
    .tuple(
      fc.constantFrom([], ...starts),
      fc.array(fc.integer({ min: 0, max }), { minLength: length, maxLength: length }),
    )
    .map(([start, rest]) => [...start, ...rest].slice(0, length))

describe(`against the tables of the RFCs, ${runs} times`, () => {
  it('IPv4 addresses are public exactly outside the special-purpose blocks', () => {
    fc.assert(
      fc.property(address(starts4, 4, 255), (groups) => {
        expect(kindOf(groups.join('.')) === 'public').toBe(!special4(bits(groups, 8)))
      }),
      { numRuns: runs },
    )
  })

  it('IPv6 addresses are public exactly inside global unicast without its special-purpose blocks', () => {
    fc.assert(
      fc.property(address(starts6, 8, 0xffff), (groups) => {
        const text = groups.map((one) => one.toString(16)).join(':')
        const expected = global6(bits(groups, 16)) && !special6(bits(groups, 16))
        expect(kindOf(text) === 'public').toBe(expected)
      }),
      { numRuns: runs },
    )
  })
})
