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

const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;
