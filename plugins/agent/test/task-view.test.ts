import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aTask } from '@swarmkit/sdk/testkit/fixtures';
import { Config, Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { dependenciesFor, expandedTask } from '../core/task-view.js';

const description = NodeDescription.fromPartial({ hostname: 'alpha' });
const container = (parts: Parameters<typeof ContainerSpec.fromPartial>[0]) =>
  aTask({
    id: 't',
    spec: { runtime: { $case: 'container', value: ContainerSpec.fromPartial(parts) } },
  });
const all = {
  secret: (id: string) => Secret.fromPartial({ id, spec: { data: Buffer.from(`secret ${id}`) } }),
  config: (id: string) =>
    Config.fromPartial({
      id,
      spec: { data: Buffer.from('on {{.Node.Hostname}}'), templating: { name: 'golang' } },
    }),
};

describe('a task as its executor sees it', () => {
  it('has its placeholders filled in, and is the same object without any', () => {
    const seen = expandedTask(container({ hostname: '{{.Node.Hostname}}-1' }), description);
    const runtime = seen.spec?.runtime;
    assert.equal(runtime?.$case === 'container' && runtime.value.hostname, 'alpha-1');
    const plain = container({ hostname: 'h' });
    assert.equal(expandedTask(plain, description), plain);
  });

  it('is refused in the words of SwarmKit when they cannot be', () => {
    assert.throws(() => expandedTask(container({ hostname: '{{.Nope}}' }), description), {
      code: 'AGENT_TEMPLATE',
      message: /^expanding hostname failed: template: expansion:1:/,
    });
  });

  it('gives out the secrets and configs that it refers to, expanded, and no others', () => {
    const task = container({
      secrets: [{ secretId: 's', secretName: 's' }],
      configs: [{ configId: 'c', configName: 'c' }],
    });
    const dependencies = dependenciesFor(task, all, () => description);
    assert.equal(String(dependencies.secret('s')?.spec?.data), 'secret s');
    assert.equal(String(dependencies.config('c')?.spec?.data), 'on alpha');
    assert.throws(() => dependencies.secret('other'), {
      code: 'AGENT_FOREIGN_DEPENDENCY',
      message: 'task not authorized to access secret other',
    });
    assert.throws(() => dependencies.config('other'), /access config other/);
  });
});
