// What the managers want of this node's certificate, from its node object as they tell it. The same word
// may come again and again, and an old one late: only what is new asks for anything.
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { IssuanceStatus_State as State, NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Role } from './certificate-profile.js';

export interface Wanted {
  /** The role that the certificate should have; undefined before anybody said. */
  readonly role: Role | undefined;
  /** Names the certificate that is to be replaced, by the request that it came of; undefined: none is. */
  readonly rotate: string | undefined;
}

export const NOTHING_WANTED: Wanted = { role: undefined, rotate: undefined };

export function wantedOf({ spec, certificate }: Node): Wanted {
  const rotates = certificate?.status?.state === State.ROTATE;
  return {
    role:
      spec === undefined ? undefined : spec.desiredRole === NodeRole.MANAGER ? 'manager' : 'worker',
    rotate: rotates ? Buffer.from(certificate.csr).toString('base64') : undefined,
  };
}

/** Why the certificate must be renewed now; undefined: it is as wanted. `done`: the rotation obeyed last. */
export function reasonToRenew(
  wanted: Wanted,
  role: Role,
  done: string | undefined,
): string | undefined {
  if (wanted.role !== undefined && wanted.role !== role) return `the role is to be ${wanted.role}`;
  if (wanted.rotate !== undefined && wanted.rotate !== done)
    return 'the managers ask for a new one';
  return undefined;
}
