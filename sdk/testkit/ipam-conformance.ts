/** What every Ipam must keep, as tests. The worlds are small, so that subnets fill up and searches wrap around. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { AddressRequest, Ipam } from '../contracts/ipam.js';
import {
  contains,
  formatIp,
  type IpAddress,
  type IpNetwork,
  overlap,
  parseCidr,
  parseIp,
} from '../model/ip-address.js';
import { IPAMConfig } from '../wire/gen/swarmkit/types.js';

export function ipamConformance(name: string, make: () => Ipam): void {
  describe(`${name} keeps the IPAM contract`, () => {
    const ipam = make();
    const none = { pools: [], subnetSize: 0, taken: [] };
    const cut = (taken: readonly string[], pools: readonly string[], subnetSize: number) =>
      ipam.subnets({ wanted: [], pools, subnetSize, taken });

    it('has a name', () => assert.notEqual(ipam.name, ''));

    it('cuts subnets from the pools until they are used up, none twice', () => {
      const taken: string[] = [];
      for (;;) {
        const { configs, problem } = cut(taken, ['10.9.0.0/28', '10.9.1.0/29'], 30);
        if (problem !== undefined) break;
        assert.equal(configs.length, 1);
        const subnet = network(configs[0]?.subnet);
        assert.equal(subnet.prefix, 30);
        assert.ok(contains(subnet, address(configs[0]?.gateway)), 'the gateway is in the subnet');
        for (const other of taken) assert.ok(!overlap(subnet, network(other)), `${other} is taken`);
        taken.push(configs[0]?.subnet ?? '');
        assert.ok(taken.length <= 6, 'more than the pools hold');
      }
      assert.equal(taken.length, 6);
    });

    it('gives the subnets that are asked for, and refuses one that overlaps', () => {
      const wanted = [IPAMConfig.fromPartial({ subnet: '10.5.0.0/16', gateway: '10.5.0.9' })];
      assert.deepEqual(ipam.subnets({ ...none, wanted }).configs, wanted);
      for (const other of ['10.5.3.0/24', '10.0.0.0/8', '10.5.0.0/16']) {
        const { problem } = ipam.subnets({ ...none, wanted, taken: [other] });
        assert.match(problem ?? '', /10\.5\.0\.0\/16/, 'the sentence names the subnet');
      }
      const twice = ipam.subnets({ ...none, wanted: [...wanted, ...wanted] });
      assert.notEqual(twice.problem, undefined, 'also with itself');
    });

    it('refuses what is no subnet with a sentence', () => {
      for (const subnet of ['10.0.0.0', 'x/8', '10.0.0.0/33'])
        assert.match(
          ipam.subnets({ ...none, wanted: [IPAMConfig.fromPartial({ subnet })] }).problem ?? '',
          /\S/,
        );
      assert.match(cut([], ['nonsense'], 24).problem ?? '', /\S/);
    });

    it('gives IPv6 subnets and their addresses where they are asked for', () => {
      const { configs } = ipam.subnets({
        ...none,
        wanted: [IPAMConfig.fromPartial({ subnet: 'fd00:1::/64' })],
      });
      const { address: given = '' } = ipam.address({ configs: configs ?? [], held: new Set() });
      assert.ok(contains(network('fd00:1::/64'), address(given)), given);
    });

    it('gives each address of a network once, as many as it says, and then none', () => {
      fc.assert(
        fc.property(
          fc.array(config, { minLength: 1, maxLength: 3 }),
          fc.boolean(),
          (wanted, go) => {
            const { configs } = ipam.subnets({ ...none, wanted });
            if (configs === undefined) return;
            const held = new Set<string>();
            let after: string | undefined;
            for (;;) {
              const request: AddressRequest = { configs, held, after };
              const answer = ipam.address(request);
              assert.deepEqual(ipam.address(request), answer, 'the same request, another answer');
              if (answer.problem !== undefined) break;
              checkAddress(answer.address, configs, held);
              held.add(plain(answer.address));
              after = go ? answer.address : after;
            }
            assert.equal(held.size, ipam.capacity(configs));
          },
        ),
        { numRuns: 100 },
      );
    });

    it('gives no address outside of the subnet where the range is larger', () => {
      const wanted = [IPAMConfig.fromPartial({ subnet: '10.6.0.0/29', range: '10.6.0.0/28' })];
      const { configs } = ipam.subnets({ ...none, wanted });
      for (const one of configs === undefined ? [] : everyAddress(ipam, configs))
        assert.ok(contains(network('10.6.0.0/29'), address(one)), one);
    });

    it('gives the address that is asked for, unless somebody has it or it is outside', () => {
      const configs = configsOf(ipam, '10.6.0.0/24');
      const ask = (wanted: string, held: readonly string[] = []) =>
        ipam.address({ configs, wanted, held: new Set(held) });
      assert.equal(ask('10.6.0.77').address, '10.6.0.77/24');
      assert.equal(ask('10.6.0.77/24').address, '10.6.0.77/24');
      for (const [wanted, held] of [
        ['10.6.0.77', ['10.6.0.77']],
        [configs[0]?.gateway ?? '', []],
        ['10.6.0.0', []],
        ['10.6.0.255', []],
        ['10.7.0.1', []],
        ['nonsense', []],
      ] as const)
        assert.match(ask(wanted, held).problem ?? '', /\S/, `${wanted} was given`);
    });

    it('lets rest what came free, as long as there is another, and then gives what rested longest', () => {
      const configs = configsOf(ipam, '10.6.0.0/28');
      const all = everyAddress(ipam, configs);
      const [first = '', second = '', third = ''] = all;
      const resting = new Map([
        [first, 2000],
        [second, 1000],
      ]);
      const held = new Set(all.filter((one) => !resting.has(one) && one !== third));
      assert.equal(plain(ipam.address({ configs, held, resting }).address ?? ''), third);
      held.add(third);
      assert.equal(plain(ipam.address({ configs, held, resting }).address ?? ''), second);
      held.add(second);
      assert.equal(plain(ipam.address({ configs, held, resting }).address ?? ''), first);
      held.add(first);
      assert.match(ipam.address({ configs, held, resting }).problem ?? '', /\S/);
    });
  });
}

const config = fc
  .record({
    net: fc.constantFrom('10.1.0.0', '10.1.0.8', '10.2.0.0', '10.3.0.0'),
    prefix: fc.integer({ min: 28, max: 32 }),
    kept: fc.boolean(),
  })
  .map(({ net, prefix, kept }) =>
    IPAMConfig.fromPartial({
      subnet: `${net}/${prefix}`,
      reserved: kept ? { other: net.replace(/\d+$/, (last) => String(Number(last) + 2)) } : {},
    }),
  );

function checkAddress(
  given: string,
  configs: readonly IPAMConfig[],
  held: ReadonlySet<string>,
): void {
  const ip = address(given);
  assert.ok(!held.has(plain(given)), `${given} is held`);
  const home = configs.find(({ subnet }) => contains(network(subnet), ip));
  assert.ok(home !== undefined, `${given} is in no subnet`);
  assert.equal(given.split('/')[1], home.subnet.split('/')[1], 'the prefix of its subnet');
  assert.notEqual(plain(given), home.gateway);
  assert.ok(!Object.values(home.reserved).includes(plain(given)), `${given} is reserved`);
}

function configsOf(ipam: Ipam, subnet: string): readonly IPAMConfig[] {
  const wanted = [IPAMConfig.fromPartial({ subnet })];
  const { configs } = ipam.subnets({ wanted, pools: [], subnetSize: 0, taken: [] });
  assert.ok(configs !== undefined);
  return configs;
}

function everyAddress(ipam: Ipam, configs: readonly IPAMConfig[]): readonly string[] {
  const held = new Set<string>();
  for (;;) {
    const { address: given } = ipam.address({ configs, held });
    if (given === undefined) return [...held];
    held.add(plain(given));
  }
}

function network(text: string | undefined): IpNetwork {
  const parsed = parseCidr(text ?? '');
  assert.ok(parsed !== undefined, `${text} is a subnet`);
  return parsed;
}

function address(text: string | undefined): IpAddress {
  const parsed = parseIp(plain(text ?? ''));
  assert.ok(parsed !== undefined, `${text} is an address`);
  assert.equal(formatIp(parsed), plain(text ?? ''), 'in its usual form');
  return parsed;
}

const plain = (cidr: string): string => cidr.split('/')[0] ?? '';
