import { contextKey } from '../context/context.js'

/**
 * How many times a call has been made before, in the context of a retry or a hedge: a client sends it along, and a server puts
 * what came into the context of its request. Whoever finds it above 0 does not send again what fails: the one who retries is
 * further up, and three tiers of three attempts each would be 27 calls at the bottom. A balancer chooses another target by it.
 *
 * Source: gRFC A6 (`grpc-previous-rpc-attempts`), Kitex (`ChainStop`).
 */
export const previousAttempts = contextKey<number>('previous attempts')
