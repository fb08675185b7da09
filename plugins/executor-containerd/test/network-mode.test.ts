import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aTask } from '@swarmkit/sdk/testkit/fixtures';
import { networkMode } from '../core/network-mode.js';

const on = (...specs: readonly object[]) =>
  aTask({ networks: specs.map((spec) => ({ network: { spec } })) });
const predefined = { 'com.docker.swarm.predefined': 'true' };
const host = { annotations: { name: 'host', labels: predefined } };

test('no network, or that of the host', () => {
  assert.equal(networkMode(on()), 'loopback');
  assert.equal(networkMode(on(host)), 'host');
  assert.throws(() => networkMode(on({ annotations: { name: 'mine' } })), /network mine/);
  assert.throws(() => networkMode(on({ annotations: { name: 'host' } })), /network host/);
});

test('ingress counts for nothing, also as old clusters marked it', () => {
  const labels = { 'com.docker.swarm.internal': 'true' };
  for (const ingress of [{ ingress: true }, { annotations: { name: 'ingress', labels } }]) {
    assert.equal(networkMode(on(ingress)), 'loopback');
    assert.equal(networkMode(on(ingress, host)), 'host');
  }
});
