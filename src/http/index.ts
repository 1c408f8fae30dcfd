export { type AccessEntry, accessLog, type AccessLogOptions } from './access-log.js'
export { compress, type CompressOptions } from './compress.js'
export type { Coding } from './compressor.js'
export { cors, type CorsOptions } from './cors.js'
export { faulty } from './faulty.js'
export { type EventSender, type EventSource, events, type EventsOptions } from './events.js'
export type { ServerEvent } from './event-text.js'
export { file, type FileOptions } from './file.js'
export { files, type FilesOptions } from './files.js'
export { Html, html, markup, type MarkupValue, raw } from './html.js'
export type { OriginCheck, Origins } from './origins.js'
export { deadlines, type DeadlinesOptions } from './deadlines.js'
export { requestId, requestIdKey, type RequestIdOptions, requestIdOf } from './request-id.js'
export { type Trace, traceKey } from './trace-context.js'
export {
  type ClientRequest,
  type HttpClient,
  httpClient,
  type HttpClientStats,
  type RequestOptions,
} from './client/http-client.js'
export type { ClientTlsOptions, HttpClientOptions } from './client/client-options.js'
export type { ClientResponse, ReceivedHeaders } from './client/client-response.js'
export type { ResponseBody as ClientBody } from './client/response-body.js'
export type { RequestInit as ClientRequestInit } from './client/message.js'
export type { QueryInit } from './client/request-target.js'
export type { OriginStats } from './client/origin-pool.js'
export {
  BadResponse,
  BodyDumped,
  ClientClosed,
  ConnectError,
  ConnectionLost,
  ResponseTimeout,
  ResponseTooLarge,
} from './client/client-errors.js'
export { securityHeaders, type SecurityHeadersOptions } from './security-headers.js'
export { FileChanged } from './stored-file.js'
export { ClientGone, type RequestBody } from './body.js'
export { type BodyOptions, body } from './body-schema.js'
export { BodyLengthError } from './body-sender.js'
export type { FormFields } from './form-fields.js'
export type { Handler, Middleware, Next, Onward, Reply } from './handler.js'
export { HttpError, type HttpErrorOptions } from './http-error.js'
export type { Limits, Timeouts } from './limits.js'
export { HttpRequest } from './request.js'
export type { RequestHeaders } from './request-headers.js'
export {
  type BodySource,
  type BodyWriter,
  bytes,
  empty,
  HttpResponse,
  json,
  redirect,
  type ResponseBody,
  type ResponseOptions,
  stream,
  text,
} from './response.js'
export type { HeaderInit, ResponseHeaders } from './response-headers.js'
export type { PathParams } from './route-pattern.js'
export { RouteError } from './route-error.js'
export type { Validates } from './route-stack.js'
export { Router, router } from './router.js'
export { type RulesApiOptions, rulesApi } from './rules-api.js'
export { type ServeAllOptions, serve } from './serve.js'
export type { ServeOptions, ServerStats } from './serve-options.js'
export type { Server, Served } from './server.js'
export { guarded, type GuardedOptions } from './guarded.js'
export { type HealthOptions, health } from './health.js'
export { ServerClosed } from '../net/server-closed.js'
export type { TlsStats } from '../net/tls.js'
export { TlsError } from '../net/tls-error.js'
export type { CertificateOptions, Certificates, Pem, SniCallback } from '../net/tls-material.js'
export type { TlsOptions } from '../net/tls-options.js'
export type { DistinguishedName, PeerCertificate } from '../net/tls-peer.js'
export { type FetchApp, type FetchEnv, type FetchFunction, type FetchOptions, fetchHandler } from './fetch.js'
export {
  type FieldPart,
  type FilePart,
  multipart,
  type MultipartLimits,
  type MultipartRequest,
  type Part,
} from './multipart.js'
export { JsonError, type JsonLimits, type JsonReason, parseJson } from './strict-json.js'
export type { StandardIssue, StandardResult, StandardSchemaV1 } from './standard-schema.js'
export { type WebSocketHandler, type WebSocketOptions, websocket } from './websocket.js'
export { WebSocketClosed, type WebSocketClosing } from './websocket-closed.js'
export type { WebSocketConnection } from './websocket-connection.js'
export type { WebSocketMessage } from './websocket-waits.js'
