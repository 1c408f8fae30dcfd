import { RuntimeError } from '../runtime/errors.js'
import { Scratch } from './cell.js'
import { boardBytes, Claim, OfferBoard } from './offer-board.js'
import { ended, nothing } from './ring-chan.js'
import { SharedChan, type SharedSend } from './shared-chan.js'
import { defineKind } from './shared-object.js'
import { contestAbove } from './shared-waiting.js'

const unbufferedKind = 2
/** How long a send looks whether a receiver that waits on another thread takes it, before it waits itself. */
const momentMs = 0.02

/** A channel without a buffer between threads: a send offers its value and waits until a receiver, on its own thread, takes it. */
export class UnbufferedChan<T> extends SharedChan<T> {
  readonly length = 0
  readonly capacity = 0
  private readonly board: OfferBoard
  /** The offers of this thread's senders. */
  private readonly offers = new Map<SharedSend<T>, { readonly at: number; readonly claim: Claim }>()

  constructor(address?: number) {
    super(unbufferedKind, address, boardBytes)
    this.board = new OfferBoard(this.processor, this.address, Scratch.of(this.processor))
  }

  static {
    defineKind(unbufferedKind, (address) => new UnbufferedChan<unknown>(address))
  }

  /** A receiver that waits elsewhere can take it only by itself: it is given a moment for that. */
  override offer(send: SharedSend<T>): boolean {
    if (this.board.isClosed) return send.refuse()
    if (!this.senders.isEmpty || (this.receivers.isEmpty && !this.receiving.areAny)) return false
    const claim = new Claim(this.processor)
    const at = this.post(send, claim)
    if (at <= 0) return at === 0
    this.announce()
    const untilMs = performance.now() + momentMs
    while (!claim.hasTaken(at) && performance.now() < untilMs);
    const wasTaken = claim.hasTaken(at) || (!claim.win() && claim.hasTaken(at))
    this.board.remove(at, wasTaken)
    claim.leave()
    return wasTaken && send.complete()
  }

  override take(own: Claim | undefined): unknown {
    const value = this.board.take(own, (p) =>
      p === this.processor.p ? this.serveSenders() : this.processor.ring(p),
    )
    return value === nothing && this.board.isClosed ? ended : value
  }

  override close(): void {
    if (!this.board.close()) throw new RuntimeError('close of closed channel')
    this.receiving.ringAll()
    this.sending.ringAll()
  }

  override enterSender(send: SharedSend<T>): void {
    const shared = contestAbove(send)
    const claim = shared instanceof Claim ? shared : this.claimFor(send)
    const at = claim === undefined ? 0 : this.post(send, claim)
    if (claim === undefined || at === 0) return
    this.offers.set(send, { at, claim })
    this.senders.push(send)
    send.contend(claim)
    this.processor.watch(this)
    this.sending.arm()
    if (this.board.isClosed) this.look()
    else this.announce()
  }

  override leaveSender(send: SharedSend<T>): void {
    this.senders.remove(send)
    this.withdraw(send, false)
    this.rest()
  }

  override ownerDied(_machine: number, p: number): void {
    this.board.withdrawAll(p)
  }

  protected override mayTake(own: Claim): boolean {
    return this.board.hasOffer(own) || this.board.isClosed
  }

  private claimFor(send: SharedSend<T>): Claim | undefined {
    try {
      return new Claim(this.processor)
    } catch (error) {
      send.fail(error)
      return undefined
    }
  }

  /** Posts the offer of a send; what fails ends it. The offer's address; 0 for one that has ended. */
  private post(send: SharedSend<T>, claim: Claim): number {
    claim.enter(() => this.announce())
    let at = 0
    try {
      at = this.board.post(send.payload, claim)
      if (at === 0) send.refuse()
    } catch (error) {
      send.fail(error)
    }
    if (at === 0) claim.leave()
    return at
  }

  /** Has those who wait look at the offers: this thread's own receivers first. */
  private announce(): void {
    if (!this.receivers.isEmpty) this.serveReceivers()
    if (!this.board.looksEmpty && this.receiving.areAny) this.receiving.ringOne()
  }

  protected override serveSenders(): boolean {
    let served = false
    for (const [send, { at, claim }] of this.offers) {
      const wasTaken = claim.hasTaken(at)
      if (!wasTaken && !(this.board.isClosed && claim.win())) continue
      served = true
      this.senders.remove(send)
      this.withdraw(send, wasTaken)
      if (wasTaken) send.complete()
      else send.refuse()
    }
    return served
  }

  private withdraw(send: SharedSend<T>, wasTaken: boolean): void {
    const offer = this.offers.get(send)
    if (offer === undefined) return
    this.offers.delete(send)
    this.board.remove(offer.at, wasTaken)
    offer.claim.leave()
  }

  protected override rest(): void {
    if (this.receivers.isEmpty) this.receiving.disarm(() => !this.board.looksEmpty || this.board.isClosed)
    if (this.senders.isEmpty) this.sending.disarm(() => false)
    if (this.receivers.isEmpty && this.senders.isEmpty) this.processor.unwatch(this)
  }
}
