// Transcripts of tests/transcripts, replayed whole, byte by byte, randomly cut, and with trouble
// before each of their steps.
#include "tests/support/transcript.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smtpguard::test {
namespace {

using Kind = TranscriptLine::Kind;

const std::vector<Transcript>& transcripts() {
  static const std::vector<Transcript> all =
      read_transcripts(std::string(SMTPGUARD_SOURCE_DIR) + "/tests/transcripts");
  return all;
}

std::vector<std::string> expected_notes(const Transcript& transcript) {
  std::vector<std::string> notes;
  for (const TranscriptLine& line : transcript.lines) {
    if (line.kind == Kind::Note) {
      notes.push_back(line.text);
    }
  }
  return notes;
}

Injection no_trouble(std::size_t /*step*/) {
  return Injection::None;
}

class TranscriptTest : public testing::TestWithParam<std::size_t> {
 protected:
  const Transcript& transcript() const { return transcripts().at(GetParam()); }
};

TEST_P(TranscriptTest, IsSaidAsWrittenWhole) {
  const Replay seen = replay(transcript(), Cut::Whole, 1, no_trouble);
  EXPECT_TRUE(seen.ended);
  EXPECT_EQ(seen.to_client, transcript().all(Kind::Server));
  EXPECT_EQ(seen.to_backend, transcript().all(Kind::Proxy));
  EXPECT_EQ(seen.notes, expected_notes(transcript()));
}

TEST_P(TranscriptTest, IsSaidAsWrittenByteByByte) {
  if (transcript().is_only_whole()) {
    GTEST_SKIP() << "option cut=whole: the document says why";
  }
  const Replay seen = replay(transcript(), Cut::Bytes, 1, no_trouble);
  EXPECT_EQ(seen.to_client, transcript().all(Kind::Server));
  EXPECT_EQ(seen.to_backend, transcript().all(Kind::Proxy));
}

TEST_P(TranscriptTest, IsSaidAsWrittenHoweverItIsCut) {
  if (transcript().is_only_whole()) {
    GTEST_SKIP() << "option cut=whole: the document says why";
  }
  for (unsigned seed = 0; seed < 50; ++seed) {
    const Replay seen = replay(transcript(), Cut::Random, seed, no_trouble);
    ASSERT_EQ(seen.to_client, transcript().all(Kind::Server)) << "seed " << seed;
    ASSERT_EQ(seen.to_backend, transcript().all(Kind::Proxy)) << "seed " << seed;
  }
}

TEST_P(TranscriptTest, LosesNothingWithTroubleBeforeAnyStep) {
  const std::size_t steps = replay(transcript(), Cut::Whole, 1, no_trouble).steps;
  for (const Injection trouble :
       {Injection::ClientGone, Injection::ClientSlow, Injection::BackendGone,
        Injection::BackendSlow, Injection::Stop, Injection::HandshakeFails}) {
    for (std::size_t at = 0; at <= steps; ++at) {
      const Replay seen = replay(transcript(), Cut::Whole, 1, [&](std::size_t step) {
        return step == at ? trouble : Injection::None;
      });
      const std::string where =
          fmt::format("trouble {} before step {}", static_cast<int>(trouble), at);
      EXPECT_TRUE(seen.ended) << where;
      EXPECT_LE(seen.acknowledged, seen.accepted_by_backend) << where;
      EXPECT_EQ(seen.broken_rule_of_tls, "") << where;
      // What was said before the trouble stands; no reply of ours is ever half a line.
      EXPECT_TRUE(seen.to_client.empty() || seen.to_client.ends_with("\r\n")) << where;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Documents, TranscriptTest, testing::Range<std::size_t>(0, transcripts().size()),
    [](const testing::TestParamInfo<std::size_t>& document) {
      std::string name = transcripts().at(document.param).name;
      std::replace_if(
          name.begin(), name.end(),
          [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
      return name;
    });

TEST(Transcripts, AreThere) {
  EXPECT_GE(transcripts().size(), 25U);
}

}  // namespace
}  // namespace smtpguard::test
