import { extensionPoint } from '../plugin/token.js';

/**
 * An API that this node serves to its users (the Control service, later Docker's HTTP API).
 * Any number of contributions, all served side by side; the daemon prints where they listen.
 */
export interface ApiServer {
  readonly id: string;
  /** `unix:/run/swarm/control.sock`. Empty until it serves. */
  endpoints(): readonly string[];
}

export const ApiServers = extensionPoint<ApiServer>('swarmkit.api-server.v1');
