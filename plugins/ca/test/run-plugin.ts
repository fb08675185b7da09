// Runs the plugin on a context that is just enough for it, and collects what it says.
import type { TestContext } from 'node:test';
import type { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import type { Identity, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { ScopeGate } from '@swarmkit/sdk/contracts/scope-gate';
import type { Context } from '@swarmkit/sdk/plugin/plugin';
import type { Token } from '@swarmkit/sdk/plugin/token';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { ReplaySubject } from 'rxjs';
import { ca } from '../plugin.js';
import type { CaConfig } from '../shell/node-life.js';

export interface Run {
  readonly identity: NodeIdentity;
  readonly authority: CertificateAuthority;
  readonly gates: readonly ScopeGate[];
  /** What each gate has said. */
  readonly opened: Readonly<Record<string, boolean[]>>;
  /** Every identity so far. */
  readonly seen: Identity[];
  readonly logged: { readonly level: string; readonly message: string }[];
  stop(): void;
}

/** Rejects with what `start` threw. The virtual clock stands at 2023-11-14 unless you say otherwise. */
export async function run(
  t: TestContext,
  dir: string,
  env: VirtualEnv = new VirtualEnv('ca'),
): Promise<Run> {
  const provided = new Map<string, unknown[]>();
  const logged: { level: string; message: string }[] = [];
  const at =
    (level: string) =>
    (...args: readonly unknown[]) =>
      void logged.push({ level, message: String(args.at(-1)) });
  const context = {
    env,
    signal: new AbortController().signal,
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    config: { dir, managersFile: `${dir}.json` },
    channel: () => {
      const facts$ = new ReplaySubject(1);
      return { publish: (fact: unknown) => facts$.next(fact), facts$ };
    },
    provide: ({ id }: Token<unknown>, value: unknown) => {
      provided.set(id, [...(provided.get(id) ?? []), value]);
    },
  } as unknown as Context<CaConfig>;
  ca.register?.(context);
  const stop = (): void => void ca.stop?.(context);
  t.after(stop);
  const one = <T>(id: string): T => provided.get(id)?.[0] as T;
  const identity = one<NodeIdentity>('swarmkit.identity.v1');
  const gates = provided.get('swarmkit.scope-gate.v1') as ScopeGate[];
  const opened: Record<string, boolean[]> = {};
  for (const gate of gates) {
    const said: boolean[] = [];
    opened[gate.scope] = said;
    gate.open$.subscribe((open) => said.push(open));
  }
  const seen: Identity[] = [];
  identity.identity$.subscribe((next) => seen.push(next));
  await ca.start?.(context);
  return { identity, authority: one('swarmkit.ca.v1'), gates, opened, seen, logged, stop };
}
