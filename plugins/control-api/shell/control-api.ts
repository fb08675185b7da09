/** The Control service as a whole: mounted while the node is a manager. */
import type { ApiServer } from '@swarmkit/sdk/contracts/api-server';
import type { Call, RpcServer, UnaryHandler, Unmount } from '@swarmkit/sdk/contracts/rpc';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { clusterHandlers } from './cluster-handlers.js';
import { configHandlers } from './config-handlers.js';
import { Control, type ControlHandlers, type ControlParts } from './control.js';
import { extensionHandlers } from './extension-handlers.js';
import { networkHandlers } from './network-handlers.js';
import { nodeHandlers } from './node-handlers.js';
import { secretHandlers } from './secret-handlers.js';
import { serviceHandlers } from './service-handlers.js';
import type { LeaderGate } from './leader-gate.js';
import { taskHandlers } from './task-handlers.js';
import { volumeHandlers } from './volume-handlers.js';

export class ControlApi implements ApiServer {
  readonly id = 'control';
  private unmount: Unmount | undefined;

  constructor(private readonly rpc: RpcServer) {}

  endpoints(): readonly string[] {
    return this.unmount === undefined
      ? []
      : this.rpc.endpoints().map((endpoint) => endpoint.address);
  }

  start(parts: ControlParts, gate: LeaderGate | undefined): void {
    const handlers: Record<string, UnaryHandler> = { ...controlHandlers(parts) };
    this.unmount = this.rpc.mount({
      definition: ControlService,
      expose: ['control', 'remote'],
      handlers: gate === undefined ? handlers : behind(gate, handlers),
    });
  }

  stop(): void {
    this.unmount?.();
    this.unmount = undefined;
  }
}

const behind = (
  gate: LeaderGate,
  handlers: Readonly<Record<string, UnaryHandler>>,
): Readonly<Record<string, UnaryHandler>> =>
  Object.fromEntries(
    Object.entries(handlers).map(([method, { unary }]) => [
      method,
      {
        unary: async (request: unknown, call: Call) => {
          await gate.pass(call);
          return unary(request, call);
        },
      },
    ]),
  );

/** A method without a handler is answered UNIMPLEMENTED by the rpc server. */
export function controlHandlers(parts: ControlParts): Required<ControlHandlers> {
  const control = new Control(parts);
  return {
    ...nodeHandlers(control),
    ...serviceHandlers(control),
    ...taskHandlers(control),
    ...clusterHandlers(control),
    ...networkHandlers(control),
    ...secretHandlers(control),
    ...configHandlers(control),
    ...volumeHandlers(control),
    ...extensionHandlers(control),
  } as Required<ControlHandlers>;
}
