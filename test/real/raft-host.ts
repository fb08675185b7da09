/** A node that has nothing but storage and raft, and a state machine that writes down what it is given. */
import { realEnv } from '@swarmkit/kernel/env';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import { raft } from '@swarmkit/plugin-raft/plugin';
import { storageRocksdb } from '@swarmkit/plugin-storage-rocksdb/plugin';
import { Consensus, type StateMachine } from '@swarmkit/sdk/contracts/consensus';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { RpcClient, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import type { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { filter, firstValueFrom, of, timeout } from 'rxjs';

export class Tape implements StateMachine {
  texts: string[] = [];

  apply({ data }: { readonly data: Uint8Array }): void {
    if (data.length > 0) this.texts.push(Buffer.from(data).toString());
  }

  async snapshot(): Promise<Uint8Array> {
    return Buffer.from(JSON.stringify(this.texts));
  }

  restore(snapshot: Uint8Array): void {
    this.texts = JSON.parse(Buffer.from(snapshot).toString()) as string[];
  }
}

export interface RaftHost {
  readonly consensus: Consensus;
  readonly tape: Tape;
  readonly fatal: () => SwarmError | undefined;
  leads(leading?: boolean): Promise<void>;
  stop(): Promise<void>;
}

export async function startRaftHost(dir: string): Promise<RaftHost> {
  const tape = new Tape();
  let consensus: Consensus | undefined;
  let fatal: SwarmError | undefined;
  const identity = definePlugin({
    id: 'test-identity',
    version: '1.0.0',
    scope: 'node',
    provides: [NodeIdentity, RpcServer, RpcClient],
    contributes: [ScopeGates],
    register(ctx) {
      const current = { nodeId: 'test-node', role: 'manager' as const };
      const provider = { current: () => current, identity$: of(current) };
      ctx.provide(NodeIdentity, provider as unknown as NodeIdentity);
      const network = new LoopbackNetwork(ctx.env.clock);
      ctx.provide(RpcServer, network.server());
      ctx.provide(RpcClient, network.client(current));
      ctx.provide(ScopeGates, { scope: 'manager', open$: of(true) });
    },
  });
  const machine = definePlugin({
    id: 'test-tape',
    version: '1.0.0',
    scope: 'manager',
    requires: [Consensus],
    register(ctx) {
      consensus = ctx.get(Consensus);
      consensus.attach(tape);
    },
  });
  const host = new Host({
    plugins: [storageRocksdb, raft, identity, machine],
    config: {
      'storage-rocksdb': { dir },
      raft: { snapshotInterval: 500, keepEntries: 50 },
    },
    env: realEnv,
    log: createLogger('silent'),
    onFatal: (error) => {
      fatal = error;
    },
  });
  // A scope that does not open is tried again later; here that is a failure.
  let failure: unknown;
  host.lifecycle$.subscribe(({ change, error }) => {
    if (change === 'failed') failure ??= error;
  });
  await host.start();
  await host.settled();
  if (failure !== undefined || consensus === undefined) {
    await host.stop();
    throw failure ?? new Error('the manager scope did not open');
  }
  const { leadership$ } = consensus;
  return {
    consensus,
    tape,
    fatal: () => fatal,
    leads: async (leading = true) => {
      await firstValueFrom(
        leadership$.pipe(
          filter((leadership) => leadership.leading === leading),
          timeout(20_000),
        ),
      );
    },
    stop: () => host.stop(),
  };
}
