import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import { refuse } from './problems.ts'

/** `express.json()` leaves alone what does not say that it is JSON; a client should learn what is wrong with it. */
const saysJson: RequestHandler = (req, res, next) => {
  if (req.is(['json', '+json'])) next()
  else refuse(res, 415, 'unsupported-media-type', 'The body must be application/json in UTF-8.')
}

export const jsonBody = [saysJson, express.json({ limit: '4kb' })]

/** What `express.json()` finds wrong with a body, in the words of the contract. Any other error is ours, and says nothing. */
export const bodyProblems: ErrorRequestHandler = (error: { status?: number }, _req, res, next) => {
  if (res.headersSent) next(error)
  else if (error.status === 413) refuse(res, 413, 'payload-too-large', 'The body may have 4 KiB.')
  else if (error.status === 415)
    refuse(res, 415, 'unsupported-media-type', 'The body must be application/json in UTF-8.')
  else if (error.status === 400) refuse(res, 400, 'invalid-json', 'Request body is not valid JSON.')
  else {
    console.error(error)
    refuse(res, 500, 'internal-error', 'Internal server error.')
  }
}
