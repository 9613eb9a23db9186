// x coordinates of secp256k1's points as 64 bytes u ‖ t that look random (BIP324, XElligatorSwift and XSwiftEC). Works on
// public data alone: the time depends on the values.
#pragma once

#include "field.h"

namespace lode {

class ElligatorSwift {
 public:
  static constexpr size_t encodedSize = 2 * Field::size;
  static constexpr size_t drawSize = Field::size + 1;  // u, and a byte whose low three bits are the case

  // False: this draw encodes nothing, `encoded` is unchanged.
  static bool encode(const Field& x, const uint8_t* draw, uint8_t* encoded) {
    Field u = Field::read(draw), t;
    // The decoder remaps zeros, so neither comes back as itself.
    if (u.isZero() || !inverse(x, u, draw[Field::size] & 7, t) || t.isZero()) return false;
    u.write(encoded);
    t.write(encoded + Field::size);
    return true;
  }

  // Any 64 bytes stand for a point's x.
  static Field decode(const uint8_t* encoded) {
    Field u = Field::read(encoded), t = Field::read(encoded + Field::size);
    if (u.isZero()) u = Field(1);
    if (t.isZero()) t = Field(1);
    Field g = cubePlus7(u);
    if ((g + t.squared()).isZero()) t = t + t;
    // X = (g - t²) / 2t and Y = (X + t) / (√-3·u). With m = g + t² that is Y = m / (2t·√-3·u) and
    // X/Y = (g - t²)·√-3·u / m, and one inversion serves both denominators.
    Field tt = t.squared(), m = g + tt, cu = rootOfMinus3() * u, denominator = (t + t) * cu;
    Field inverted = (denominator * m).inverse();
    Field y = m.squared() * inverted, yy = y.squared(), yy2 = yy + yy;
    Field third = u + yy2 + yy2;
    if (cubePlus7(third).isSquare()) return third;
    Field ratio = (g - tt) * cu * denominator * inverted;
    Field second = -(ratio + u) * half();
    if (cubePlus7(second).isSquare()) return second;
    return (ratio - u) * half();  // one of the three always is a point's
  }

 private:
  static constexpr Field half() {
    return Field(0x7fffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffff7ffffe18);
  }
  // The root that is itself a square (BIP324).
  static constexpr Field rootOfMinus3() {
    return Field(0x0a2d2ba93507f1df, 0x233770c2a797962c, 0xc61f6d15da14ecd4, 0x7d8d27ae1cd5f852);
  }

  static Field cubePlus7(const Field& x) { return x.squared() * x + Field(7); }

  // XSwiftECInv; false where BIP324 has None. `x` is a point's, so no denominator is zero.
  static bool inverse(const Field& x, const Field& u, int ellCase, Field& t) {
    Field uu = u.squared(), g = uu * u + Field(7), v, w;
    if ((ellCase & 2) == 0) {
      if (cubePlus7(-(x + u)).isSquare()) return false;
      v = x;
      if (!Field::rootOfRatio(-g, uu + u * x + x.squared(), w)) return false;
    } else {
      Field s = x - u, ss = s + s, g2 = g + g, root;
      if (s.isZero()) return false;
      // For a square s this is 1/√s, from which come the root w and 1/s.
      Field power = s.power();
      w = power * s;
      if (!(w.squared() == s)) return false;
      if (!(-s * (g2 + g2 + (ss + s) * uu)).squareRoot(root)) return false;
      if ((ellCase & 1) != 0 && root.isZero()) return false;
      v = (root * power.squared() - u) * half();
    }
    Field factor = (ellCase & 1) == 0 ? Field(1) - rootOfMinus3() : Field(1) + rootOfMinus3();
    if ((ellCase & 5) == 0 || (ellCase & 5) == 5) w = -w;
    t = w * (u * factor * half() + v);
    return true;
  }
};

}  // namespace lode
