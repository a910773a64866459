// A caller in Go. Run it from the root of the repository. protoc-gen-go and
// protoc-gen-go-grpc generate livegatev1 from proto/livegate/v1/session.proto, with
//
//	--go_opt=Mlivegate/v1/session.proto=example.com/caller/livegatev1
//
// and the same --go-grpc_opt. The other modules are google.golang.org/grpc,
// google.golang.org/genproto/googleapis/rpc and github.com/google/uuid.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"example.com/caller/livegatev1"
)

func main() {
	serviceConfig, err := os.ReadFile("deploy/service-config.json")
	if err != nil {
		log.Fatal(err)
	}
	connection, err := grpc.NewClient("dns:///127.0.0.1:50051",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(serviceConfig)))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "livegate-caller", "payments")
	response, err := livegatev1.NewSessionServiceClient(connection).CreateSession(ctx, &livegatev1.CreateSessionRequest{
		RequestId: uuid.Must(uuid.NewV7()).String(), // one id for all retries
		Settings:  &livegatev1.SessionSettings{AuditImagesLimit: 1},
	})
	if err == nil {
		fmt.Println(response.GetSession())
		return
	}
	failure := status.Convert(err)
	fmt.Println(failure.Code(), failure.Message())
	for _, detail := range failure.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Println(detail.GetReason(), detail.GetMetadata())
		case *errdetails.RetryInfo:
			fmt.Println("retry after", detail.GetRetryDelay().AsDuration())
		}
	}
}
