import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IPAMConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { defaultIpam } from '../core/default-ipam.js';

const config = (fields: Partial<IPAMConfig>) => IPAMConfig.fromPartial(fields);
const cut = (taken: readonly string[], pools: readonly string[] = [], subnetSize = 0) => {
  const { configs, problem } = defaultIpam.subnets({ wanted: [], pools, subnetSize, taken });
  return problem ?? configs.map(({ subnet, gateway }) => `${subnet} ${gateway}`).join();
};
const next = (subnet: string, held: readonly string[], after?: string) =>
  defaultIpam.address({
    configs: [config({ subnet, gateway: subnet.replace(/0\/.*/, '1') })],
    held: new Set(held),
    after,
  }).address;

test('the first subnet is the one that SwarmKit gives, and the next follow', () => {
  assert.equal(cut([]), '10.0.0.0/24 10.0.0.1');
  assert.equal(cut(['10.0.0.0/24']), '10.0.1.0/24 10.0.1.1');
  assert.equal(cut(['10.0.0.0/24', '10.0.2.0/24']), '10.0.1.0/24 10.0.1.1');
});

test('pools of the cluster, one after the other, in its size', () => {
  const pools = ['10.20.0.0/25', '10.30.0.0/16'];
  assert.equal(cut([], pools, 26), '10.20.0.0/26 10.20.0.1');
  assert.equal(cut(['10.20.0.0/25'], pools, 26), '10.30.0.0/26 10.30.0.1');
});

test('a taken subnet of another size is stepped over', () => {
  assert.equal(cut(['10.0.0.0/16']), '10.1.0.0/24 10.1.0.1');
  assert.equal(cut(['10.0.0.128/25']), '10.0.1.0/24 10.0.1.1');
  assert.equal(cut(['10.0.0.128/25', '0.0.0.0/5']), '10.0.1.0/24 10.0.1.1');
});

test('a pool that is used up says what to do', () => {
  assert.equal(
    cut(['10.0.0.0/8']),
    'no subnet of /24 is free in the address pool 10.0.0.0/8; remove a network, or give this one a subnet of its own',
  );
});

test('the gateway is the first address of the range, unless one is given or it is reserved', () => {
  const gatewayOf = (fields: Partial<IPAMConfig>): string | undefined =>
    defaultIpam.subnets({ wanted: [config(fields)], pools: [], subnetSize: 0, taken: [] })
      .configs?.[0]?.gateway;
  const subnet = '10.9.0.0/24';
  assert.equal(gatewayOf({ subnet }), '10.9.0.1');
  assert.equal(gatewayOf({ subnet, gateway: '10.9.0.200' }), '10.9.0.200');
  assert.equal(gatewayOf({ subnet, range: '10.9.0.128/25' }), '10.9.0.128');
  assert.equal(gatewayOf({ subnet, reserved: { router: '10.9.0.1' } }), '10.9.0.2');
  assert.equal(gatewayOf({ subnet: 'fd00::/64' }), 'fd00::1');
});

test('a gateway or range outside of the subnet is refused', () => {
  for (const fields of [{ gateway: '10.8.0.1' }, { range: '10.8.0.0/25' }])
    assert.match(
      defaultIpam.subnets({
        wanted: [config({ subnet: '10.9.0.0/24', ...fields })],
        pools: [],
        subnetSize: 0,
        taken: [],
      }).problem ?? '',
      /10\.8\.0\.\S+ is not in subnet 10\.9\.0\.0\/24/,
    );
});

test('addresses come one after the other, and go around', () => {
  assert.equal(next('10.0.1.0/24', []), '10.0.1.2/24');
  assert.equal(next('10.0.1.0/24', ['10.0.1.2']), '10.0.1.3/24');
  assert.equal(next('10.0.1.0/24', [], '10.0.1.9/24'), '10.0.1.10/24');
  assert.equal(next('10.0.1.0/24', [], '10.0.1.254/24'), '10.0.1.2/24');
  assert.equal(next('10.0.1.0/24', [], '10.7.7.7/24'), '10.0.1.2/24');
});

test('addresses come from the range alone', () => {
  const configs = [
    config({ subnet: '10.0.1.0/24', range: '10.0.1.252/30', gateway: '10.0.1.252' }),
  ];
  assert.equal(defaultIpam.capacity(configs), 2);
  assert.equal(defaultIpam.address({ configs, held: new Set() }).address, '10.0.1.253/24');
  const held = new Set(['10.0.1.253', '10.0.1.254']);
  assert.equal(defaultIpam.address({ configs, held }).problem, 'could not find an available IP');
});

test('a network of 2^64 addresses answers at once', () => {
  const configs = [config({ subnet: 'fd00::/64', gateway: 'fd00::1' })];
  assert.equal(defaultIpam.address({ configs, held: new Set(['fd00::2']) }).address, 'fd00::3/64');
  assert.ok(defaultIpam.capacity(configs) > 2 ** 63);
});
