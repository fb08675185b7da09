/** Asks a helper of Docker's for what it keeps of a registry: `docker-credential-<name> get`, server on its input. */
import { execFile } from 'node:child_process';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

const timeoutMs = 30_000;

export const askHelper = (
  name: string,
  server: string,
): Promise<{ readonly Username: string; readonly Secret: string } | undefined> =>
  new Promise((resolve, reject) => {
    const program = `docker-credential-${name}`;
    const refuse = (why: string): void =>
      reject(new SwarmError('failed-precondition', 'CTL_CREDENTIALS', `${program}: ${why}`));
    const child = execFile(program, ['get'], { timeout: timeoutMs }, (error, stdout) => {
      // Helpers say it on their output, with exit code 1.
      if (stdout.includes('credentials not found')) return resolve(undefined);
      if (error !== null) return refuse(stdout.trim() || error.message);
      try {
        resolve(JSON.parse(stdout));
      } catch {
        refuse('its answer is no JSON');
      }
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(server);
  });
