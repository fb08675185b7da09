import type { Peer } from '@swarmkit/sdk/contracts/rpc';
import { roleOfUnits } from '@swarmkit/sdk/model/forwarded-call';

/** The parts of a certificate's subject that say who a node is; a part that occurs twice is a list. */
export interface Subject {
  readonly O?: string | readonly string[];
  readonly OU?: string | readonly string[];
  readonly CN?: string | readonly string[];
}

/** Who a verified certificate says it is. Without one (`undefined`) the peer is nobody. */
export function peerOf(subject: Subject | undefined, address: string): Peer {
  const units = listOf(subject?.OU);
  return {
    nodeId: listOf(subject?.CN)[0] ?? '',
    clusterId: listOf(subject?.O)[0] ?? '',
    role: roleOfUnits(units),
    address,
  };
}

const PLAIN_PART = /^(O|OU|CN)=([A-Za-z0-9-]+)$/;

/**
 * The subject out of its text, one part a line, as long as there is nothing in it that could be escaped or
 * mean more than one thing: so are those of SwarmKit's certificates. Any other takes a parser.
 */
export function plainSubject(text: string): Subject | undefined {
  const subject: { O?: string; OU?: string; CN?: string } = {};
  for (const line of text.split('\n')) {
    const [, name, value] = PLAIN_PART.exec(line) ?? [];
    if (value === undefined || subject[name as keyof Subject] !== undefined) return undefined;
    subject[name as keyof Subject] = value;
  }
  return subject;
}

const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;
