import {
  controlSocketCredentials,
  newcomerCredentials,
  nodeCredentials,
  openConnection,
} from '@swarmkit/sdk/client/connection';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';

/** What this node shows a manager, and what it asks of the manager's certificate. */
export type Guise =
  /** Nothing and nothing: for what is checked by other means. */
  | { readonly as: 'stranger' }
  /** No certificate of its own; the manager must be `swarm-ca` under these roots. */
  | { readonly as: 'newcomer'; readonly rootsPem: string }
  | {
      readonly as: 'node';
      readonly identity: Pick<
        Identity,
        'certificatePem' | 'keyPem' | 'rootsPem' | 'nodeId' | 'role'
      >;
      readonly serverName: 'swarm-manager' | 'swarm-ca';
    };

/** `address` is `host:port`, or `unix:/path` of this node's own control socket, where no guise counts. */
export type Dial = (address: string, guise: Guise) => RpcConnection;

/** This plugin stands below rpc, which needs an identity to begin with: so it makes its own connections. */
export const dialBy =
  (now: () => number): Dial =>
  (address, guise) => {
    const trust = address.startsWith('unix:')
      ? controlSocketCredentials()
      : guise.as === 'node'
        ? nodeCredentials(guise.identity, now)
        : newcomerCredentials(guise.as === 'newcomer' ? guise.rootsPem : undefined, now);
    const serverName = guise.as === 'node' ? guise.serverName : 'swarm-ca';
    return openConnection(address, () => trust, now, serverName);
  };
