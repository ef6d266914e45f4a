import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import { refuse } from './problems.ts'

/** `express.json()` ignores other media types, so respond with 415 here. */
const requireJson: RequestHandler = (req, res, next) => {
  if (req.is(['json', '+json'])) next()
  else refuse(res, 415, 'unsupported-media-type', 'The request body must be application/json in UTF-8.')
}

export const jsonBody = [requireJson, express.json({ limit: '4kb' })]

/** Converts the errors of `express.json()` to problem responses. Any other error is an internal error: 500 without details. */
export const bodyProblems: ErrorRequestHandler = (error: { status?: number }, _req, res, next) => {
  if (res.headersSent) next(error)
  else if (error.status === 413) refuse(res, 413, 'payload-too-large', 'The request body must not exceed 4 KiB.')
  else if (error.status === 415)
    refuse(res, 415, 'unsupported-media-type', 'The request body must be application/json in UTF-8.')
  else if (error.status === 400) refuse(res, 400, 'invalid-json', 'Request body is not valid JSON.')
  else {
    console.error(error)
    refuse(res, 500, 'internal-error', 'Internal server error.')
  }
}
