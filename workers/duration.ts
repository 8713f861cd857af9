// Durations of the file and of drivers' options are written in one way.
export { duration, parseDuration, writeDuration } from '../activities/monitoring/duration.ts';
