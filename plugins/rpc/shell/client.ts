import type { ChannelCredentials } from '@grpc/grpc-js';
import {
  controlSocketCredentials,
  nodeCredentials,
  openConnection,
} from '@swarmkit/sdk/client/connection';
import type { Identity, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { RpcClient, RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { parseHostPort } from '../core/address.js';

/** Connections as this node: each call goes out under the certificate that is current then. */
export class Client implements RpcClient {
  private readonly socketTrust = controlSocketCredentials();
  private trust:
    | { readonly identity: Identity; readonly credentials: ChannelCredentials }
    | undefined;

  constructor(
    private readonly identity: NodeIdentity,
    private readonly now: () => number,
  ) {}

  connect(address: string): RpcConnection {
    if (address.startsWith('unix:'))
      return openConnection(address, () => this.socketTrust, this.now);
    parseHostPort(address);
    return openConnection(address, () => this.nodeTrust(), this.now);
  }

  private nodeTrust(): ChannelCredentials {
    const identity = this.identity.current();
    if (this.trust?.identity !== identity)
      this.trust = { identity, credentials: nodeCredentials(identity, this.now) };
    return this.trust.credentials;
  }
}
