// Tones of an alarm, one figure for each priority, until somebody acknowledged it. A browser plays nothing before
// somebody touched the page: that is said where nobody can miss it.
const FIGURES = {
  emergency: { every: 1.0, hz: [988, 740, 988, 740], length: 0.12 },
  high: { every: 2.5, hz: [880, 880, 880], length: 0.15 },
  medium: { every: 6, hz: [660, 660], length: 0.2 },
  low: { every: 20, hz: [523], length: 0.25 },
};
const LOUD = 0.4;

export class Sound {
  constructor(changed) {
    this.changed = changed;
    this.priority = "";
    this.next = 0;
    this.context = new AudioContext();
    this.context.addEventListener("statechange", changed);
  }

  get blocked() { return this.context.state !== "running"; }

  /** From within a touch of the page. */
  unblock() { this.context.resume().then(this.changed, this.changed); }

  /** What to sound from now on; called more often than any figure comes again. "" is silence. */
  sound(priority) {
    const now = this.context.currentTime;
    if (priority !== this.priority) { this.priority = priority; this.next = now; this.changed(); }
    if (!priority || this.blocked || now < this.next) return;
    const { every, hz, length } = FIGURES[priority] ?? FIGURES.high;
    this.next = now + every;
    hz.forEach((tone, n) => this.tone(tone, now + n * (length + 0.05), length));
  }

  tone(hz, start, length) {
    const oscillator = this.context.createOscillator();
    const gain = this.context.createGain();
    oscillator.frequency.value = hz;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(LOUD, start + 0.01);
    gain.gain.setValueAtTime(LOUD, start + length - 0.02);
    gain.gain.linearRampToValueAtTime(0, start + length);
    oscillator.connect(gain).connect(this.context.destination);
    oscillator.start(start);
    oscillator.stop(start + length);
  }
}
