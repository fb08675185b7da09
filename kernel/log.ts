import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { destination as open, pino } from 'pino';

/** What the host needs of a logger: that it can make one a plugin. Every pino logger is one. */
export interface RootLogger extends Logger {
  child(fields: object): RootLogger;
}
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Never written out, down to three levels, in whatever object somebody logs. */
const SECRETS =
  'keyPem caKey signingCaKey token joinToken workerToken managerToken unlockKey password';
const paths = SECRETS.split(' ').flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** JSON lines to a file descriptor or path, written at once: what came before a crash is in the log. */
export const createLogger = (level: LogLevel = 'info', to: number | string = 2): RootLogger =>
  pino({ level, redact: { paths, censor: '[redacted]' } }, open({ dest: to, sync: true }));
