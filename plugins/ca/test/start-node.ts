// One node's identity on the network in memory, on a folder of its own, under virtual time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import type { Channel } from '@swarmkit/sdk/plugin/plugin';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { ReplaySubject } from 'rxjs';
import { CurrentIdentity } from '../shell/node-identity.js';
import { type CaConfig, NodeLife } from '../shell/node-life.js';
import { FakeCa, loopbackDial } from './fake-ca.js';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** Reached at `MANAGER`. */
export const MANAGER = '10.0.0.1:4242';
export const OWN_SOCKET = '/run/own.sock';

export interface World {
  readonly env: VirtualEnv;
  readonly network: LoopbackNetwork;
  readonly ca: FakeCa;
  /** State folder of the node. */
  readonly state: string;
}

/** Managers at `MANAGER`, and a folder for a node. */
export function newWorld(t: TestContext, seed = 'world'): World {
  const env = new VirtualEnv(seed);
  const network = new LoopbackNetwork(env.clock);
  const ca = new FakeCa(env);
  ca.serve(network, MANAGER);
  const state = mkdtempSync(join(tmpdir(), 'swarmkit-ca-'));
  t.after(() => rmSync(state, { recursive: true, force: true }));
  return { env, network, ca, state };
}

export interface RunningNode {
  readonly life: NodeLife;
  readonly identity: CurrentIdentity;
  readonly seen: Identity[];
  /** How often data keys were told to look again. */
  readonly keyChanges: () => number;
  readonly dialled: ReturnType<typeof loopbackDial>['dialled'];
  readonly logged: { readonly level: string; readonly message: string }[];
  stop(): void;
}

/** The parts of a start, for one that is to fail or to wait. */
export function prepareNode(t: TestContext, world: World, config: Partial<CaConfig> = {}) {
  const { env, network, state } = world;
  const logged: { level: string; message: string }[] = [];
  const at =
    (level: string) =>
    (...args: readonly unknown[]) =>
      void logged.push({ level, message: String(args.at(-1)) });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const { dial, dialled } = loopbackDial(network);
  const identity = new CurrentIdentity(channel(), channel());
  const seen: Identity[] = [];
  identity.identity$.subscribe((next) => seen.push(next));
  let changes = 0;
  const keysChanged = channel<void>();
  keysChanged.facts$.subscribe(() => changes++);
  const life = new NodeLife({
    config: {
      dir: join(state, 'certificates'),
      managersFile: join(state, 'state.json'),
      ...config,
    },
    env,
    log,
    dial,
    identity,
    keysChanged,
  });
  const stop = (): void => life.stop();
  t.after(stop);
  const node: RunningNode = {
    life,
    identity,
    seen,
    keyChanges: () => changes,
    dialled,
    logged,
    stop,
  };
  return { node, start: () => life.start(new AbortController().signal) };
}

export async function startNode(
  t: TestContext,
  world: World,
  config: Partial<CaConfig> = {},
): Promise<RunningNode> {
  const { node, start } = prepareNode(t, world, config);
  await alongside(world.env, start());
  return node;
}

export const joinBy = (
  token: string,
  addresses: readonly string[] = [MANAGER],
): Partial<CaConfig> => ({
  join: { addresses, token },
});

/** Lets virtual time run, alarm by alarm, until the work is done; it stands still while files are written. */
export async function alongside<T>(env: VirtualEnv, work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => undefined);
  await until(env, () => isDone, 20 * DAY_MS, 100);
  return done;
}

/** Virtual time goes on in steps, but stands still while files are written. */
export async function until(
  env: VirtualEnv,
  fact: () => boolean,
  limitMs: number,
  stepMs = 6 * HOUR_MS,
): Promise<void> {
  const end = env.clock.now() + limitMs;
  const realEnd = performance.now() + 60_000;
  while (!fact()) {
    if (env.clock.now() > end || performance.now() > realEnd)
      throw new Error(`the fact did not come true within ${limitMs} ms`);
    if (env.clock.armed > 0 && !working()) await env.clock.advance(stepMs);
    else await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Files or keys are being worked on by the thread pool. */
const working = (): boolean =>
  process.getActiveResourcesInfo().some((kind) => /^FSReq|REQUEST$/i.test(kind));

function channel<T>(): Channel<T> {
  const facts$ = new ReplaySubject<T>(1);
  return { name: 'test', dropped: 0, publish: (fact) => facts$.next(fact), facts$ };
}
