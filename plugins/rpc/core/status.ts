import { statusOfKind } from '@swarmkit/sdk/client/status';
import { isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';

/** What travels of an error: a gRPC status. */
export interface Status {
  readonly code: number;
  readonly details: string;
}

const UNKNOWN = 2;
/** It travels as a header, three letters a byte at worst, and clients take 64 KiB of those and no more. */
const MAX_TEXT = 4_096;

/** A SwarmError's kind and text; of anything else the bare text as UNKNOWN, as SwarmKit's peers expect. */
export const statusOf = (error: unknown): Status =>
  isSwarmError(error)
    ? { code: statusOfKind(error.kind), details: wellFormed(shortened(error.message)) }
    : { code: UNKNOWN, details: wellFormed(shortened(messageOf(error))) };

export const shortened = (text: string): string =>
  text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}...`;

/** Half a surrogate pair cannot be put on the wire, and gRPC's encoder throws on it. */
const wellFormed = (text: string): string =>
  text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD');
