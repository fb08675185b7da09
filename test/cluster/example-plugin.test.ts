import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { discoverPlugins } from '@swarmkit/kernel/discover';
import { realEnv } from '@swarmkit/kernel/env';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import {
  type NodeLoad,
  type SchedulerScorer,
  SchedulerScorers,
} from '@swarmkit/sdk/contracts/scheduling';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { aNode, aTask } from '@swarmkit/sdk/testkit/fixtures';
import { BehaviorSubject } from 'rxjs';
import { root } from '../house/source-files.js';

// The example in the README is a package that the daemon's discovery finds, checks and starts.

test('the example plugin is found, opens with the leader scope and scores nodes', async () => {
  const found = await discoverPlugins([path.join(root, 'examples/ssd-first')]);
  assert.deepEqual(
    found.map((plugin) => plugin.id),
    ['acme-ssd-first'],
  );
  let scorers: readonly SchedulerScorer[] = [];
  const gates = definePlugin({
    id: 'gates',
    version: '1.0.0',
    scope: 'node',
    contributes: [ScopeGates],
    register(ctx) {
      for (const scope of ['manager'] as const)
        ctx.provide(ScopeGates, { scope, open$: new BehaviorSubject(true) });
    },
  });
  const leads = definePlugin({
    id: 'leads',
    version: '1.0.0',
    scope: 'manager',
    contributes: [ScopeGates],
    register(ctx) {
      ctx.provide(ScopeGates, { scope: 'leader', open$: new BehaviorSubject(true) });
    },
  });
  const reader = definePlugin({
    id: 'reader',
    version: '1.0.0',
    scope: 'leader',
    accepts: [SchedulerScorers],
    start(ctx) {
      scorers = ctx.all(SchedulerScorers);
    },
  });
  const host = new Host({
    plugins: [gates, leads, reader, ...found] as readonly PluginManifest[],
    env: realEnv,
    log: createLogger('silent'),
  });
  await host.start();
  try {
    await host.settled();
    const score = (labels: Record<string, string>): number | undefined =>
      scorers[0]?.score(aTask(), {
        node: aNode({ spec: { annotations: { labels } } }),
      } as unknown as NodeLoad);
    assert.equal(score({ disk: 'ssd' }), 0);
    assert.equal(score({ disk: 'spinning' }), 1);
    assert.equal(score({}), 1);
  } finally {
    await host.stop();
  }
});
