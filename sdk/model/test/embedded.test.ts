import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, Config, Node, Service } from '../../wire/gen/swarmkit/objects.js';
import { withEmbedded } from '../embedded.js';

test('what SwarmKit always writes is there, and nothing else changes', () => {
  const bare = Service.fromPartial({ id: 's', spec: { update: { parallelism: 2n } } });
  const service = withEmbedded('service', bare);
  assert.deepEqual(service.spec?.annotations, { name: '', labels: {}, indices: [] });
  assert.ok(service.spec?.task);
  assert.deepEqual(service.spec?.update?.delay, { seconds: 0n, nanos: 0 });
  assert.equal(service.spec?.update?.monitor, undefined);
  assert.equal(service.spec?.rollback, undefined);
  assert.equal(service.previousSpec, undefined);
  const { spec } = withEmbedded('cluster', Cluster.create({ id: 'c' }));
  for (const value of Object.values(spec ?? {})) assert.ok(value);
  assert.ok(withEmbedded('config', Config.create({ id: 'x' })).spec?.annotations);
});

test('an object that lacks nothing stays the same one', () => {
  const node = withEmbedded('node', Node.create({ id: 'n' }));
  assert.equal(withEmbedded('node', node), node);
  const service = withEmbedded('service', Service.fromPartial({ spec: { rollback: {} } }));
  assert.equal(withEmbedded('service', service), service);
});
