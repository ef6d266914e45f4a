import { z } from 'zod'

const schema = z.object({ n: z.number().refine((n) => n % 2 === 0, 'It is odd.') })

export default async ({ ask }) => (await ask('number', { message: 'An even number?', schema })).content
