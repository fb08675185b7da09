/** What every SecretDriver must keep, as tests. A plugin calls this in one of its test files with its own world. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { SecretDriver, SecretRequest } from '../contracts/secret-driver.js';
import { messageOf } from '../plugin/errors.js';

export interface SecretDriverWorld {
  /** A driver whose vault answers by the secret's name: see `vaultOf`. It answers to `name`. */
  start(): Promise<{ readonly driver: SecretDriver; readonly name: string }>;
  stop(): Promise<void>;
}

export type Answer =
  | { readonly value: Uint8Array; readonly doNotReuse: boolean }
  | { readonly error: string }
  /** It never answers. */
  | 'silence';

/** What the vault behind the driver has to answer. */
export function vaultOf(secretName: string, taskId: string): Answer {
  switch (secretName) {
    case 'shared':
      return { value: Buffer.from('for all'), doNotReuse: false };
    case 'own':
      return { value: Buffer.from(`for ${taskId}`), doNotReuse: true };
    case 'bytes':
      return {
        value: Uint8Array.from({ length: 511_999 }, (_, at) => at % 256),
        doNotReuse: false,
      };
    case 'slow':
      return 'silence';
    default:
      return { error: `there is no ${secretName} in the vault` };
  }
}

export const aSecretRequest = (overrides: Partial<SecretRequest> = {}): SecretRequest => ({
  driver: 'vault',
  options: {},
  secretName: 'shared',
  secretLabels: {},
  serviceId: 'service',
  serviceName: 'web',
  serviceLabels: {},
  serviceHostname: '',
  serviceEndpoint: undefined,
  taskId: 'task',
  taskName: 'web.1.task',
  taskImage: 'busybox',
  nodeId: 'node',
  ...overrides,
});

export function secretDriverConformance(what: string, world: SecretDriverWorld): void {
  describe(`secret driver: ${what}`, () => {
    let driver: SecretDriver;
    let name: string;
    const never = new AbortController().signal;
    const get = (secretName: string, taskId = 'task', signal = never) =>
      driver.get(aSecretRequest({ driver: name, secretName, taskId }), signal);
    beforeEach(async () => {
      ({ driver, name } = await world.start());
    });
    afterEach(() => world.stop());

    it('answers to its name and to no other', async () => {
      assert.equal(await driver.has(name), true);
      for (const other of [`${name}2`, '', '.', '..', '../vault', `/${name}`, `${name}/../${name}`])
        assert.equal(await driver.has(other), false, other);
    });

    it('gives bytes as they are, up to the largest secret', async () => {
      const { value } = await get('bytes');
      assert.ok(Buffer.from(value).equals(Buffer.from(bytesOf(vaultOf('bytes', '')))));
    });

    it('tells a value for all from one for a task alone, and asked again says the same', async () => {
      for (const round of [1, 2]) {
        const shared = await get('shared');
        assert.deepEqual(
          [Buffer.from(shared.value).toString(), shared.doNotReuse],
          ['for all', false],
          `round ${round}`,
        );
        const own = await Promise.all(['a', 'b'].map((task) => get('own', task)));
        assert.deepEqual(
          own.map((one) => [Buffer.from(one.value).toString(), one.doNotReuse]),
          [
            ['for a', true],
            ['for b', true],
          ],
        );
      }
    });

    it('a refusal is an error with its reason', async () => {
      await assert.rejects(get('nothing'), (error) => {
        assert.match(messageOf(error), /there is no nothing in the vault/);
        return true;
      });
    });

    it('ends when its signal aborts', async () => {
      const end = new AbortController();
      const pending = get('slow', 'task', end.signal);
      pending.catch(() => undefined);
      end.abort();
      await assert.rejects(pending);
    });
  });
}

const bytesOf = (answer: Answer): Uint8Array =>
  typeof answer === 'object' && 'value' in answer ? answer.value : new Uint8Array();
